// SPDX-License-Identifier: MIT
#include <eddy/testing/memory_listener.hpp>

#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>

namespace eddy::testing {

namespace detail {

struct MemoryBacklog final {
    LoopBound bound;
    MemoryOptions options;
    std::size_t limit = 0;
    bool open = true;
    std::errc failure{};
    std::size_t failures = 0;
    std::size_t attempts = 0;
    std::list<MemoryStream> pending;
    WaitQueue waiting;

    /// Gives what is there to those who wait. The nodes of the list move, nothing is allocated.
    void match() noexcept {
        while (!pending.empty() && !waiting.empty()) {
            auto& accept = static_cast<MemoryAccept&>(*waiting.pop_front());
            accept.granted_.splice(accept.granted_.end(), pending, pending.begin());
            accept.commit();
        }
    }
};

bool MemoryAccept::try_now() {
    MemoryBacklog& backlog = *backlog_;
    backlog.bound.check("MemoryListener::accept");
    ++backlog.attempts;
    if (!backlog.open) {
        throw ClosedResource("accept: this listener is closed");
    }
    if (backlog.failures != 0) {
        --backlog.failures;
        throw IoError(std::make_error_code(backlog.failure), "accept");
    }
    if (backlog.pending.empty() || !backlog.waiting.empty()) {
        return false;
    }
    granted_.splice(granted_.end(), backlog.pending, backlog.pending.begin());
    return true;
}

void MemoryAccept::start() { backlog_->waiting.push_back(*this); }

MemoryStream MemoryAccept::take() {
    if (failed_ != std::errc{}) {
        throw IoError(std::make_error_code(failed_), "accept");
    }
    if (granted_.empty()) {
        throw ClosedResource("accept: this listener was closed while a job waited");
    }
    return std::move(granted_.front());
}

void MemoryAccept::pass_on() noexcept {
    if (!granted_.empty() && backlog_->open) {
        backlog_->pending.splice(backlog_->pending.begin(), granted_);
        backlog_->match();
    }
}

}  // namespace detail

MemoryListener::MemoryListener(const MemoryOptions& options, std::size_t backlog)
    : backlog_(std::make_shared<detail::MemoryBacklog>()) {
    backlog_->options = options;
    backlog_->limit = backlog;
}

MemoryListener::~MemoryListener() {
    if (backlog_->open) {
        close();
    }
}

MemoryStream MemoryListener::connect() {
    backlog_->bound.check("MemoryListener::connect");
    if (!backlog_->open || backlog_->pending.size() >= backlog_->limit) {
        throw BrokenResource("connect: connection refused");
    }
    auto [client, server] = memory_stream_pair(backlog_->options);
    if (backlog_->options.seed) {
        ++*backlog_->options.seed;
    }
    backlog_->pending.push_back(std::move(server));
    backlog_->match();
    return std::move(client);
}

void MemoryListener::fail_accepts(std::errc code, std::size_t times) {
    backlog_->bound.check("MemoryListener::fail_accepts");
    backlog_->failure = code;
    backlog_->failures = times;
    while (backlog_->failures != 0 && !backlog_->waiting.empty()) {
        auto& accept = static_cast<detail::MemoryAccept&>(*backlog_->waiting.pop_front());
        --backlog_->failures;
        accept.failed_ = code;
        accept.commit();
    }
}

detail::MemoryAccept MemoryListener::accept() { return detail::MemoryAccept(backlog_); }

void MemoryListener::close() {
    backlog_->bound.check("MemoryListener::close");
    backlog_->open = false;
    backlog_->waiting.wake_all();
    for (MemoryStream& stream : backlog_->pending) {
        stream.close_reset();
    }
    backlog_->pending.clear();
}

bool MemoryListener::is_open() const noexcept { return backlog_->open; }
std::size_t MemoryListener::pending() const noexcept { return backlog_->pending.size(); }
std::size_t MemoryListener::waiting() const noexcept { return backlog_->waiting.size(); }
std::size_t MemoryListener::attempts() const noexcept { return backlog_->attempts; }

}  // namespace eddy::testing
