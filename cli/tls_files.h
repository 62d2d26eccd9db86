// Credentials of TLS from the files that flags name.
#ifndef LOCKSTEP_CLI_TLS_FILES_H_
#define LOCKSTEP_CLI_TLS_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "framework/edge/tls_context.h"
#include "framework/replica/node.h"
#include "kv/tls_settings.h"

namespace lockstep::cli {

// Whom Debian trusts: for clients that name nobody.
inline constexpr char kSystemTrust[] = "/etc/ssl/certs/ca-certificates.crt";

// Empty names stand for nothing. Fails with the name of the file that cannot be read. Blocks.
absl::StatusOr<edge::TlsCredentials> ReadCredentialsBlocking(const std::string& certificate_file,
                                                             const std::string& key_file,
                                                             const std::string& trusted_file);

// What a node's port runs with: reads the files off the shard's thread, whenever it is asked.
replica::NodeTls ToNodeTls(const kv::TlsPort& port);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_TLS_FILES_H_
