#include "cli/config_file.h"

#include <yaml-cpp/yaml.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "disk/text_file.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

std::string Where(const YAML::Mark& mark, const std::string& file_name) {
  return absl::StrCat("line ", mark.line + 1, " of ", file_name);
}

absl::Status Malformed(const YAML::Node& node, const std::string& file_name,
                       const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat(Where(node.Mark(), file_name), ": ", text));
}

absl::StatusOr<std::string> ValueOf(const YAML::Node& node, const std::string& file_name) {
  if (node.IsNull()) return std::string();
  if (node.IsScalar()) return node.Scalar();
  if (!node.IsSequence()) {
    return Malformed(node, file_name, "expected a value or a list of values");
  }
  std::string joined;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return Malformed(item, file_name, "expected a value in this list");
    absl::StrAppend(&joined, joined.empty() ? "" : ",", item.Scalar());
  }
  return joined;
}

// "peer-" for peer-transport-security, "" for client-transport-security.
absl::Status AddSecurity(const YAML::Node& mapping, const std::string& prefix,
                         const std::string& file_name, std::vector<FlagValue>& values) {
  if (mapping.IsNull()) return absl::OkStatus();
  if (!mapping.IsMap()) return Malformed(mapping, file_name, "expected a mapping");
  for (const auto& entry : mapping) {
    ASSIGN_OR_RETURN(std::string value, ValueOf(entry.second, file_name));
    values.push_back({absl::StrCat(prefix, entry.first.Scalar()), std::move(value),
                      Where(entry.first.Mark(), file_name)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FlagValue>> Flatten(const YAML::Node& root,
                                               const std::string& file_name) {
  std::vector<FlagValue> values;
  if (root.IsNull()) return values;
  if (!root.IsMap()) return Malformed(root, file_name, "expected lines of the form 'flag: value'");
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) return Malformed(entry.first, file_name, "expected a flag's name");
    const std::string& name = entry.first.Scalar();
    if (name == "client-transport-security") {
      RETURN_IF_ERROR(AddSecurity(entry.second, "", file_name, values));
    } else if (name == "peer-transport-security") {
      RETURN_IF_ERROR(AddSecurity(entry.second, "peer-", file_name, values));
    } else {
      ASSIGN_OR_RETURN(std::string value, ValueOf(entry.second, file_name));
      values.push_back({name, std::move(value), Where(entry.first.Mark(), file_name)});
    }
  }
  return values;
}

}  // namespace

absl::StatusOr<std::vector<FlagValue>> ParseConfig(const std::string& yaml,
                                                   const std::string& file_name) {
  try {
    return Flatten(YAML::Load(yaml), file_name);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(Where(error.mark, file_name), ": ", error.msg));
  }
}

absl::StatusOr<std::vector<FlagValue>> ReadConfig(const std::string& path) {
  const auto text = disk::ReadTextFileBlocking(path);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--config-file cannot be used: ", text.status().message()));
  }
  return ParseConfig(*text, path);
}

}  // namespace lockstep::cli
