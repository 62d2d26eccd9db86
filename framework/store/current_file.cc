#include "framework/store/current_file.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/store/rocks_reader.h"

namespace lockstep::store {
namespace {

constexpr char kManifest[] = "MANIFEST-";
constexpr size_t kShownMax = 40;

// What is in the directory, as far as it matters.
struct Files final {
  std::vector<std::string> manifests;
  bool has_tables = false;
};

bool IsManifest(const std::string& name) {
  const std::string number = name.substr(std::min(name.size(), sizeof(kManifest) - 1));
  return absl::StartsWith(name, kManifest) && !number.empty() &&
         number.find_first_not_of("0123456789") == std::string::npos;
}

rocksdb::Status List(rocksdb::Env& env, const std::string& path, Files* files) {
  std::vector<std::string> names;
  const rocksdb::Status listed = env.GetChildren(path, &names);
  if (listed.IsNotFound() || listed.IsPathNotFound()) return rocksdb::Status::OK();
  for (const std::string& name : names) {
    if (IsManifest(name)) files->manifests.push_back(name);
    files->has_tables = files->has_tables || absl::EndsWith(name, ".sst");
  }
  std::sort(files->manifests.begin(), files->manifests.end());
  return listed;
}

// A database in use has one manifest; a second one is there while it is being opened.
absl::Status Damaged(const std::string& path, const std::string& why, const Files& files,
                     bool is_sealed) {
  std::string advice = "restore it from a backup of the directory";
  if (!is_sealed && files.manifests.size() == 1) {
    advice =
        absl::StrCat("write the line `", files.manifests[0], "` into it, and the store is back");
  } else if (!files.manifests.empty()) {
    absl::StrAppend(&advice, " (there is ", absl::StrJoin(files.manifests, ", "), ")");
  }
  return absl::DataLossError(absl::StrCat("the file ", path, "/CURRENT is damaged: ", why,
                                          "; nothing else was changed: ", advice));
}

}  // namespace

absl::Status CheckCurrentFile(rocksdb::Env& env, const std::string& path, bool is_sealed) {
  Files files;
  if (const rocksdb::Status listed = List(env, path, &files); !listed.ok())
    return FromRocks(listed);
  const std::string current = path + "/CURRENT";
  const rocksdb::Status exists = env.FileExists(current);
  if (exists.IsNotFound()) {
    // (Without tables there never was more than an empty database.)
    if (!files.has_tables) return absl::OkStatus();
    return Damaged(path, "it is gone, and the tables are there", files, is_sealed);
  }
  std::string text;
  const rocksdb::Status read = exists.ok() ? ReadFileToString(&env, current, &text) : exists;
  if (read.IsCorruption()) return Damaged(path, read.ToString(), files, is_sealed);
  if (!read.ok()) return FromRocks(read);
  const std::string named = text.substr(0, text.find('\n'));
  if (text != named + "\n" || !IsManifest(named)) {
    const std::string shown = absl::CHexEscape(text.substr(0, kShownMax));
    return Damaged(path, absl::StrCat("it says \"", shown, "\" and names no manifest"), files,
                   is_sealed);
  }
  if (std::find(files.manifests.begin(), files.manifests.end(), named) == files.manifests.end())
    return Damaged(path, absl::StrCat("it names ", named, ", which is not there"), files,
                   is_sealed);
  return absl::OkStatus();
}

}  // namespace lockstep::store
