// Table: rows of text in aligned columns, as people read them.
#ifndef LOCKSTEP_CLI_TABLE_H_
#define LOCKSTEP_CLI_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::cli {

// With borders; every row has as many cells as `header`. Bytes that are no text are escaped.
std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows);

// "25 kB", in powers of 1000, as etcdctl prints sizes.
std::string FormatBytes(int64_t bytes);

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLI_TABLE_H_
