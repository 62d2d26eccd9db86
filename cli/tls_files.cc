#include "cli/tls_files.h"

#include <utility>

#include "disk/text_file.h"
#include "framework/base/status_macros.h"
#include "framework/runtime/environment.h"

namespace lockstep::cli {
namespace {

absl::Status Read(const std::string& file, std::string& text) {
  if (file.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(text, disk::ReadTextFileBlocking(file));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<edge::TlsCredentials> ReadCredentialsBlocking(const std::string& certificate_file,
                                                             const std::string& key_file,
                                                             const std::string& trusted_file) {
  edge::TlsCredentials credentials;
  RETURN_IF_ERROR(Read(certificate_file, credentials.certificate_chain));
  RETURN_IF_ERROR(Read(key_file, credentials.private_key));
  RETURN_IF_ERROR(Read(trusted_file, credentials.trusted));
  return credentials;
}

replica::NodeTls ToNodeTls(const kv::TlsPort& port) {
  replica::NodeTls tls;
  tls.policy = port.policy;
  tls.load = [port](Fiber& fiber, runtime::Environment& environment) {
    absl::StatusOr<edge::TlsCredentials> credentials;
    environment.offload.Run(fiber, runtime::Lane::kGeneral, [&] {
      credentials =
          ReadCredentialsBlocking(port.certificate_file, port.key_file, port.trusted_file);
    });
    return credentials;
  };
  return tls;
}

}  // namespace lockstep::cli
