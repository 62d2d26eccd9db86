// Between the files of this folder: the body of a frame, without its header.
#ifndef LOCKSTEP_FRAMEWORK_WIRE_BODY_CODEC_H_
#define LOCKSTEP_FRAMEWORK_WIRE_BODY_CODEC_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "framework/wire/frames.h"

namespace lockstep::wire {

// INVALID_ARGUMENT: malformed.
absl::StatusOr<Frame> DecodeFrameBody(std::string_view body);

}  // namespace lockstep::wire

#endif  // LOCKSTEP_FRAMEWORK_WIRE_BODY_CODEC_H_
