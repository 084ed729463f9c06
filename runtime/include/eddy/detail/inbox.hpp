// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/post_slab.hpp>

namespace eddy::inline v0_1::detail {

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

    static void* operator new(std::size_t size) { return PostSlab::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        PostSlab::release(memory, size);
    }
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
        ::operator delete(memory, alignment);
    }

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
/// | field   | who                                                                              |
/// |---------|----------------------------------------------------------------------------------|
/// | top_    | senders push; the loop thread takes all at once, and at the end leaves a mark    |
/// |         | there that refuses them                                                          |
/// | gate_   | who finds the inbox empty adds 2, pushes, wakes the loop, subtracts 2; the loop  |
/// |         | sets bit 0 to close and waits until it stands alone                              |
/// | wake_   | called inside the gate only, so its target is still open                         |
/// | last_   | the loop thread's: what was accepted before the mark and is not taken yet        |
///
/// Whoever pushes onto another node needs no gate: it wakes nobody, and touches nothing of the
/// inbox once its node is in. Accepted means delivered: the mark takes what is there in one step.
///
/// A child after fork() has a copy of it, whose loop is not there, and shares with its parent what
/// wakes that one: it is refused before it touches anything.
///
/// Invariant: a mark in top_ implies bit 0 of gate_; something in last_ implies the mark.
/// Cost: one read-modify-write; who finds it empty pays two more and the wake-up.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): two lines of the cache, on purpose.
class EDDY_API Inbox final {
public:
    using Wake = void (*)(void* target) noexcept;

    Inbox(Wake wake, void* target) noexcept : wake_(wake), target_(target) {}
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox();

    /// Any thread. False: closed, or a forked child's copy; the node still belongs to the caller.
    ///
    /// Lifetime: of the inbox, until the node is accepted and `close` has returned.
    [[nodiscard]] bool push(InboxNode& node) noexcept;

    /// Loop thread. No push succeeds after this; those that did are in the inbox.
    void close() noexcept;

    /// Loop thread: everything that is in it, oldest first, as a list for `next_of`.
    [[nodiscard]] InboxNode* take_all() noexcept;
    [[nodiscard]] static InboxNode* next_of(InboxNode& node) noexcept { return node.next_; }

    /// Loop thread.
    [[nodiscard]] bool empty() const noexcept {
        // seq_cst: pairs with the fence in push_first(). Before this look the loop has answered the
        // wake-ups there were; who pushes after it sees that, and wakes it again.
        const InboxNode* top = top_.load(std::memory_order_seq_cst);
        return top == closed_mark() ? last_ == nullptr : top == nullptr;
    }
    [[nodiscard]] bool closed() const noexcept {
        return (gate_.load(std::memory_order_acquire) & closed_bit) != 0;
    }
    /// Any thread: this is the copy of a forked child.
    [[nodiscard]] bool inherited() const noexcept {
        return generation_.load(std::memory_order_relaxed) != fork_generation();
    }
    /// Loop thread. Refuses every push from now on, and forgets what is in it. When it returns,
    /// nobody is on the way to what wakes the loop.
    void disown() noexcept {
        generation_.store(~fork_generation(), std::memory_order_relaxed);
        close();
    }
    /// Loop thread: the invariants. In debug builds it looks itself, whenever it is emptied.
    void check_invariants() const noexcept;
    /// Any thread: every push is refused.
    [[nodiscard]] bool refuses() const noexcept { return inherited() || closed(); }

private:
    static constexpr std::uint64_t closed_bit = 1;
    static constexpr std::uint64_t one_sender = 2;

    /// The inbox's own address, which is no node's; never followed.
    [[nodiscard]] InboxNode* closed_mark() noexcept { return reinterpret_cast<InboxNode*>(this); }
    [[nodiscard]] const InboxNode* closed_mark() const noexcept {
        return reinterpret_cast<const InboxNode*>(this);
    }
    [[nodiscard]] bool push_first(InboxNode& node) noexcept;

    static constexpr std::size_t cache_line = 64;

    Wake wake_;
    void* target_;
    std::atomic<std::uint32_t> generation_{fork_generation()};
    InboxNode* last_ = nullptr;
    // On a line of their own, which senders take from each other: to look at what does not change
    // costs none of them a second way to it.
    alignas(cache_line) std::atomic<InboxNode*> top_{nullptr};
    std::atomic<std::uint64_t> gate_{0};
};

}  // namespace eddy::inline v0_1::detail
