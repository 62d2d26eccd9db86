// The parts of the page that are the same for every failure. The texts are the files beside this
// one; the build makes the definitions of them.
#ifndef LOCKSTEP_SIM_REPORT_VIEWER_H_
#define LOCKSTEP_SIM_REPORT_VIEWER_H_

#include <string_view>

namespace lockstep::sim {

extern const std::string_view kViewerHtml;  // with @TITLE@, @STYLE@, @DATA@ and @SCRIPT@ in it
extern const std::string_view kViewerCss;
extern const std::string_view kViewerJs;

}  // namespace lockstep::sim

#endif  // LOCKSTEP_SIM_REPORT_VIEWER_H_
