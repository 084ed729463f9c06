// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace eddy::detail {

/// Something another thread hands to a loop. Runs once on the loop thread, outside any job.
class InboxNode {
public:
    InboxNode() = default;
    InboxNode(const InboxNode&) = delete;
    InboxNode& operator=(const InboxNode&) = delete;

    /// Runs and disposes of the node. What it throws goes to the observer.
    virtual void deliver() = 0;

protected:
    virtual ~InboxNode() = default;

private:
    friend class Inbox;
    InboxNode* next_ = nullptr;
};

/// A posted function.
template <class F>
class PostedFunction final : public InboxNode {
public:
    explicit PostedFunction(F&& fn) : fn_(std::move(fn)) {}
    explicit PostedFunction(const F& fn) : fn_(fn) {}

    void deliver() override {
        struct Disposer {  // the node goes even if the function throws
            PostedFunction* self;
            ~Disposer() { delete self; }
        } disposer{this};
        fn_();
    }

private:
    F fn_;
};

/// The door through which other threads reach a loop. Outlives it, as long as somebody holds it.
///
/// | field  | who                                                              |
/// |--------|------------------------------------------------------------------|
/// | gate_  | senders add 2 to enter and subtract it to leave; the loop sets   |
/// |        | bit 0 to close and waits until it stands alone                   |
/// | top_   | senders push, inside the gate; the loop thread takes all at once |
/// | wake_  | called inside the gate only, so its target is still open         |
///
/// Accepted means delivered: closing waits for senders, and the loop drains after that.
/// Cost: two read-modify-writes and a push; the wake-up only by who finds the inbox empty.
class Inbox final {
public:
    using Wake = void (*)(void* target) noexcept;

    Inbox(Wake wake, void* target) noexcept : wake_(wake), target_(target) {}
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox();

    /// Any thread. False: closed, the node still belongs to the caller.
    [[nodiscard]] bool push(InboxNode& node) noexcept;

    /// Loop thread. No push succeeds after this; those that did are in the inbox.
    void close() noexcept;

    /// Loop thread: everything that is in it, oldest first, as a list for `next_of`.
    [[nodiscard]] InboxNode* take_all() noexcept;
    [[nodiscard]] static InboxNode* next_of(InboxNode& node) noexcept { return node.next_; }

    [[nodiscard]] bool empty() const noexcept {
        return top_.load(std::memory_order_acquire) == nullptr;
    }
    [[nodiscard]] bool closed() const noexcept {
        return (gate_.load(std::memory_order_acquire) & closed_bit) != 0;
    }

private:
    static constexpr std::uint64_t closed_bit = 1;
    static constexpr std::uint64_t one_sender = 2;

    std::atomic<std::uint64_t> gate_{0};
    std::atomic<InboxNode*> top_{nullptr};
    Wake wake_;
    void* target_;
};

}  // namespace eddy::detail
