// CHECK: assertions that are always on.
//
// A failed CHECK means a broken invariant, never bad input: it prints the expression, the values,
// whatever the process knows about where it was (in a simulation: seed, node, virtual time) and
// aborts. One fact per CHECK.
#ifndef LOCKSTEP_FRAMEWORK_BASE_CHECK_H_
#define LOCKSTEP_FRAMEWORK_BASE_CHECK_H_

#include <sstream>
#include <string>
#include <type_traits>

namespace lockstep::base {

// Collects the message of one failed CHECK; its destructor prints and aborts.
class CheckFailure final {
 public:
  CheckFailure(const char* file, int line, const char* expression);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();

  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// A value as it is shown in a failed CHECK. Enumerators print as their number; types without an
// operator<< print as a placeholder, so that CHECK_EQ works for every comparable type.
template <typename T>
void PrintCheckValue(std::ostream& out, const T& value) {
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "<" << sizeof(T) << "-byte value>";
  }
}

// Lets the macros below end in `stream << ...` and still be an expression of type void.
struct Voidify {
  void operator&&(std::ostream&) const {}
};

// Says where this process is: replica, tick, seed. Null unless the executable defines it; the
// simulator does (sim/interpose.cc). Writes at most `size` bytes including the terminating zero.
extern "C" void LockstepDescribeWhere(char* out, unsigned long size) __attribute__((weak));

}  // namespace lockstep::base

#define CHECK(condition)               \
  (__builtin_expect(!!(condition), 1)) \
      ? (void)0                        \
      : ::lockstep::base::Voidify() && \
            ::lockstep::base::CheckFailure(__FILE__, __LINE__, #condition).stream()

namespace lockstep::base {
// " (a vs b) ", for the message of a failed comparison.
template <typename A, typename B>
std::string DescribeComparison(const A& a, const B& b) {
  std::ostringstream out;
  out << " (";
  PrintCheckValue(out, a);
  out << " vs ";
  PrintCheckValue(out, b);
  out << ") ";
  return out.str();
}
}  // namespace lockstep::base

#define LOCKSTEP_CHECK_OP(a, op, b)                                                        \
  __builtin_expect(!!((a)op(b)), 1)                                                        \
      ? (void)0                                                                            \
      : ::lockstep::base::Voidify() &&                                                     \
            ::lockstep::base::CheckFailure(__FILE__, __LINE__, #a " " #op " " #b).stream() \
                << ::lockstep::base::DescribeComparison((a), (b))

#define CHECK_EQ(a, b) LOCKSTEP_CHECK_OP(a, ==, b)
#define CHECK_NE(a, b) LOCKSTEP_CHECK_OP(a, !=, b)
#define CHECK_LT(a, b) LOCKSTEP_CHECK_OP(a, <, b)
#define CHECK_LE(a, b) LOCKSTEP_CHECK_OP(a, <=, b)
#define CHECK_GT(a, b) LOCKSTEP_CHECK_OP(a, >, b)
#define CHECK_GE(a, b) LOCKSTEP_CHECK_OP(a, >=, b)
// The expression yields an absl::Status; anything but OK is a broken invariant here.
#define CHECK_OK(expression)                                   \
  do {                                                         \
    const auto lockstep_status = (expression);                 \
    CHECK(lockstep_status.ok()) << lockstep_status.ToString(); \
  } while (false)

#endif  // LOCKSTEP_FRAMEWORK_BASE_CHECK_H_
