// SPDX-License-Identifier: MIT
#include <eddy/stop_token.hpp>

#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/shared_node.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/sleep.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::string_view stop_reason = "a stop was requested";

}  // namespace

// --- a token stops a scope ---------------------------------------------------------------------

/// Travels through the inbox; the scope may be gone when it arrives.
class CancelOnStop::Message final : public SharedNode {
public:
    Message(CancelScope& target, std::shared_ptr<const std::string> reason)
        : scope(&target),
          inbox_(require_loop("with_stop_token").inbox),
          reason_(std::move(reason)) {}

    // NOLINTNEXTLINE(bugprone-exception-escape): for other loops a scope throws.
    void stop(std::shared_ptr<Message> self) noexcept {
        const LoopCore* core = thread_state.core;
        if (core != nullptr && core->inbox == inbox_ && core->here()) {
            cancel_scope();
            return;
        }
        send(*inbox_, std::move(self));  // refused: the scope's loop is over
    }

    CancelScope* scope;  // loop thread only

private:
    void node_arrived() override {
        if (scope != nullptr) {
            cancel_scope();
        }
    }
    /// After the stop: what is said of it does not change any more.
    void cancel_scope() { scope->cancel(reason_ && !reason_->empty() ? *reason_ : stop_reason); }

    std::shared_ptr<Inbox> inbox_;
    std::shared_ptr<const std::string> reason_;
};

CancelOnStop::CancelOnStop(CancelScope& scope, std::shared_ptr<const std::string> reason)
    : message_(std::make_shared<Message>(scope, std::move(reason))) {}

CancelOnStop::~CancelOnStop() { message_->scope = nullptr; }

void CancelOnStop::operator()() noexcept { message_->stop(message_); }

// --- a scope stops a token ---------------------------------------------------------------------

StopHost::StopHost(const std::source_location& place) : job_(require_job("with_stop_source")) {
    enter(job_);
    if (scope.effective) {
        source_.request_stop();  // nobody has the token yet
        return;
    }
    try {
        auto watcher = make_job(watch(*this));
        start_job(*this, *watcher, {}, place);
        watcher_ = JobRef<Job>(*watcher);
    } catch (...) {
        leave(job_);
        throw;
    }
}

StopHost::~StopHost() { leave(job_); }

void StopHost::body_ended(bool cancelled) noexcept {
    stops_token_ = cancelled;
    if (watcher_) {
        watcher_->own_scope().cancel(CancelSource::explicit_call, "the work has ended");
    }
}

Task<> StopHost::watch(StopHost& host) {
    try {
        co_await sleep_forever();
    } catch (const Cancelled&) {
        // Cancelled by body_ended() alone, the scope around is not.
        if (host.scope.effective && host.stops_token_) {
            host.source_.request_stop();
        }
        throw;
    }
}

}  // namespace eddy::inline v0_1::detail
