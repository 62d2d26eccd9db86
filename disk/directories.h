// Blocking calls on directories, relative to an open one. Results are zero or an errno.
#ifndef LOCKSTEP_DISK_DIRECTORIES_H_
#define LOCKSTEP_DISK_DIRECTORIES_H_

#include <string>
#include <vector>

namespace lockstep::disk {

// Creates `path` and its parents; fine if it is there.
int CreateDirectories(int at_fd, const std::string& path);

// Removes `path` with all that is in it; follows no symbolic link. Fine if it is not there.
int RemoveTree(int at_fd, const std::string& path);

// fsync of a directory.
int SyncDirectoryAt(int at_fd, const std::string& path);

// Names in it, unsorted, without "." and "..".
int ListNames(int at_fd, const std::string& path, std::vector<std::string>& names);

}  // namespace lockstep::disk

#endif  // LOCKSTEP_DISK_DIRECTORIES_H_
