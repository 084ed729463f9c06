// SPDX-License-Identifier: MIT
#include <eddy/detail/remote_state.hpp>

#include <stdexcept>
#include <string>

#include <eddy/detail/blocking_region.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/executor.hpp>
#include <eddy/loop_door.hpp>

namespace eddy::inline v0_1::detail {

/// Where the jobs of one loop wait at one end of a channel.
///
/// | field    | who                                              |
/// |----------|--------------------------------------------------|
/// | waiting_ | the loop                                         |
/// | count_   | under the channel's lock: how many wait          |
/// | knocked_ | under the channel's lock: a knock is unanswered  |
class RemotePort final : public LoopDoor {
public:
    RemotePort(std::weak_ptr<RemoteState> state, RemoteState::End end)
        : state_(std::move(state)), end_(end), home_(thread_state.core) {}

    [[nodiscard]] bool here() const noexcept { return home_ == thread_state.core; }
    [[nodiscard]] bool busy() const noexcept { return count_ != 0; }

    /// With the lock: true if the caller is to knock when it has released it.
    [[nodiscard]] bool wants_knock() noexcept {
        if (count_ == 0 || knocked_) {
            return false;
        }
        knocked_ = true;
        return true;
    }

    void add(RemoteWait& wait, RemoteState& state) noexcept {
        waiting_.push_back(wait);
        auto lock = state.lock();
        ++count_;
        serve(state, lock);  // it may have come since the wait looked
    }
    void remove(RemoteWait& wait, const RemoteState& state) noexcept {
        wait.unlink_self();
        const auto lock = state.lock();
        --count_;
    }

    /// The channel is gone, whatever thread this is: the loop has to forget the door.
    void retire() noexcept {
        if (!knocked_) {
            static_cast<void>(knock());  // false: the loop has forgotten it already
        }
    }

    using LoopDoor::knock;
    using LoopDoor::shut;

private:
    void answer() override {
        const std::shared_ptr<RemoteState> state = state_.lock();
        if (!state) {
            shut();
            return;
        }
        auto lock = state->lock();
        knocked_ = false;
        serve(*state, lock);
    }
    void closing() override {
        if (const std::shared_ptr<RemoteState> state = state_.lock()) {
            auto lock = state->lock();
            state->close(end_ == RemoteState::sending ? RemoteState::Closed::by_sender
                                                      : RemoteState::Closed::by_receiver,
                         lock);
        }
    }

    void serve(RemoteState& state, RemoteState::Lock& lock) noexcept {
        bool sent = false;
        while (count_ != 0 && state.ready(end_)) {
            auto& wait = static_cast<RemoteWait&>(*waiting_.pop_front());
            --count_;
            wait.serve();
            wait.commit();
            sent = end_ == RemoteState::sending;
        }
        if (sent) {
            state.wake(RemoteState::receiving, lock);
        }
    }

    std::weak_ptr<RemoteState> state_;
    RemoteState::End end_;
    const LoopCore* home_;
    WaitQueue waiting_;
    std::size_t count_ = 0;
    bool knocked_ = false;
};

// --- the shared state --------------------------------------------------------------------------

RemoteState::RemoteState(std::size_t capacity) : capacity_(capacity) {
    if (capacity == 0) {
        throw std::invalid_argument("open_remote_channel: it needs room for at least one item");
    }
}

RemoteState::~RemoteState() {
    for (const Side& side : sides_) {
        if (side.port) {
            side.port->retire();
        }
    }
}

void RemoteState::wake(End end, Lock& lock) noexcept {
    Side& side = sides_[end];
    const bool blocked = side.blocked != 0;
    std::shared_ptr<RemotePort> port;
    if (side.port && side.port->wants_knock()) {
        port = side.port;
    }
    lock.unlock();
    // One of each kind: whoever comes first has it, the other one waits on.
    if (blocked) {
        side.threads.notify_one();
    }
    if (port) {
        static_cast<void>(port->knock());
    }
}

void RemoteState::close(Closed why, Lock& lock) noexcept {
    if (closed_ == Closed::no) {
        closed_ = why;
    }
    lock.unlock();
    for (const End end : {sending, receiving}) {
        lock.lock();
        wake(end, lock);
        sides_[end].threads.notify_all();
    }
}

void RemoteState::block(End end, Lock& lock, const char* what) {
    require_off_loop(what);
    if (ready(end)) {
        return;
    }
    lock.unlock();
    BlockingRegion waiting;  // before the lock: the pool has its own
    const std::stop_token stop = current_stop_token();
    lock.lock();
    Side& side = sides_[end];
    ++side.blocked;
    const bool came = waiting.wait(side.threads, lock, stop, [&] { return ready(end); });
    --side.blocked;
    if (!came) {
        lock.unlock();
        throw JobCancelled(std::string(what) + ": the offloaded call is to stop");
    }
}

void RemoteState::join(End end) noexcept {
    if (inherited()) {
        return;
    }
    const auto lock = this->lock();
    ++sides_[end].handles;
}

void RemoteState::leave(End end) noexcept {
    if (inherited()) {
        leaked_ = shared_from_this();  // on purpose: threads of the parent wait in it
        return;
    }
    auto lock = this->lock();
    if (--sides_[end].handles == 0) {
        close(end == sending ? Closed::by_sender : Closed::by_receiver, lock);
    }
}

void RemoteState::throw_closed(Closed why, End end) {
    const bool own = (why == Closed::by_sender) == (end == sending);
    if (own) {
        throw ClosedResource("this remote channel has been closed on this side");
    }
    throw BrokenResource("the other side of this remote channel is gone or has closed it");
}

void RemoteState::throw_drained() {
    throw EndOfStream("this remote channel is closed and has no more items");
}

void RemoteState::throw_inherited() {
    throw BrokenResource(
        "this remote channel was opened before fork(), and its other side is the parent's: open "
        "one in the child");
}

// --- a job's wait ------------------------------------------------------------------------------

RemotePort& RemoteWait::port(RemoteState::Lock& lock) {
    std::shared_ptr<RemotePort>& port = state_->sides_[end_].port;
    if (!port) {
        lock.unlock();
        const auto made = std::make_shared<RemotePort>(state_, end_);
        lock.lock();
        if (!port) {
            port = made;
        } else {
            made->shut();  // another loop was faster
        }
    }
    if (!port->here()) {
        throw WrongThread(std::string(what()) +
                          ": jobs of another loop use this end of the channel");
    }
    return *port;
}

bool RemoteWait::try_now() {
    auto lock = state_->enter();
    if (state_->closed_ == RemoteState::Closed::no && (port(lock).busy() || !state_->ready(end_))) {
        return false;
    }
    serve();
    if (end_ == RemoteState::sending) {
        state_->wake(RemoteState::receiving, lock);
    }
    return true;
}

void RemoteWait::start() { state_->sides_[end_].port->add(*this, *state_); }

void RemoteWait::unlink() noexcept { state_->sides_[end_].port->remove(*this, *state_); }

}  // namespace eddy::inline v0_1::detail
