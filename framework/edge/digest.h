#ifndef LOCKSTEP_FRAMEWORK_EDGE_DIGEST_H_
#define LOCKSTEP_FRAMEWORK_EDGE_DIGEST_H_

#include <string>
#include <string_view>

namespace lockstep::edge {

// SHA-256, as 32 bytes.
std::string Sha256(std::string_view bytes);

}  // namespace lockstep::edge

#endif  // LOCKSTEP_FRAMEWORK_EDGE_DIGEST_H_
