#include "net/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "framework/base/check.h"

namespace lockstep::net {

Signals::Signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) CHECK_EQ(sigaddset(&set, number), 0);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &previous_), 0);
  fd_ = UniqueFd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  CHECK(fd_.valid());
}

Signals::~Signals() { CHECK_EQ(pthread_sigmask(SIG_SETMASK, &previous_, nullptr), 0); }

void Signals::Deliver(Loop& loop, absl::AnyInvocable<void(int)> on_signal) {
  CHECK(loop_ == nullptr);
  loop_ = &loop;
  on_signal_ = std::move(on_signal);
  CHECK_OK(loop.Watch(fd_.get(), EPOLLIN, *this));
}

void Signals::OnEvents(uint32_t) {
  loop_->Post([this] { ReadAll(); });
}

void Signals::ReadAll() {
  signalfd_siginfo info;
  while (read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

void IgnoreBrokenPipes() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  CHECK_EQ(sigaction(SIGPIPE, &ignore, nullptr), 0);
}

}  // namespace lockstep::net
