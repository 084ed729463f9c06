// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/select.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

/// An operation of any type that gives an `R`, in a place of its own: in `room` bytes, which those
/// of the library's streams fill exactly, or, one that is larger, in a block of the frame pool.
///
/// The class that derives from it calls `emplace` in its constructor, or has somebody do that.
/// `in_steps`: it may be one that goes through others, and takes their results when it is tried.
template <class R, std::size_t room, bool in_steps = false>
class EDDY_VISIBLE AnyOperation : public OuterWait {
public:
    static constexpr bool take_calls_out = true;  // for all that is known here
    static constexpr bool steps_call_out = in_steps;

    /// Makes the operation where it stays.
    template <class Make>
    void emplace(Make&& make) {
        using Op = std::remove_cvref_t<decltype(std::forward<Make>(make)())>;
        static_assert(!detail::calls_out<Op> && (in_steps || !detail::steps_call_out<Op>),
                      "an operation behind AnyStream or AnyListener does not call functions of its "
                      "user's before it has its result: select could not tell");
        static_assert(alignof(Op) <= alignof(std::max_align_t));
        if constexpr (sizeof(Op) <= room) {
            op_ = ::new (static_cast<void*>(room_)) Op(std::forward<Make>(make)());
        } else {
            Block block(sizeof(Op));
            op_ = ::new (block.memory) Op(std::forward<Make>(make)());
            block.memory = nullptr;
        }
        kind_ = &kind_of<Op>;
    }

    [[nodiscard]] bool try_now() {
        if (!kind_->try_now(*op_)) {
            return false;
        }
        holds(*op_);
        return true;
    }
    void start() { kind_->start(*this); }
    R take() {
        left();
        return kind_->take(*op_);
    }
    [[nodiscard]] const char* what() const noexcept override { return op_->what(); }

protected:
    AnyOperation() noexcept = default;
    ~AnyOperation() override {
        if (op_ != nullptr) {
            kind_->destroy(*op_);
        }
    }

    /// Its own `start` looks at what has become of it since it was tried.
    [[nodiscard]] bool must_look() const noexcept { return kind_->must_look; }

private:
    struct Kind {
        bool (*try_now)(Waiter& op);
        void (*start)(AnyOperation& self);
        R (*take)(Waiter& op);
        void (*destroy)(Waiter& op) noexcept;
        bool must_look;
    };

    struct Block {
        explicit Block(std::size_t bytes) : memory(FramePool::allocate(bytes)), size(bytes) {}
        Block(const Block&) = delete;
        Block& operator=(const Block&) = delete;
        ~Block() {
            if (memory != nullptr) {
                FramePool::release(memory, size);
            }
        }
        void* memory;
        std::size_t size;
    };

    template <class Op>
    static void start_as(AnyOperation& self) {
        self.start_inner(static_cast<Op&>(*self.op_));
    }
    template <class Op>
    static void destroy(Waiter& op) noexcept {
        auto* const made = static_cast<Op*>(&op);
        std::destroy_at(made);
        if constexpr (sizeof(Op) > room) {
            FramePool::release(made, sizeof(Op));
        }
    }

    template <class Op>
    static constexpr Kind kind_of{[](Waiter& op) -> bool { return static_cast<Op&>(op).try_now(); },
                                  &AnyOperation::template start_as<Op>,
                                  [](Waiter& op) -> R { return static_cast<Op&>(op).take(); },
                                  &AnyOperation::template destroy<Op>,
                                  !detail::looks_again<Op>};

    // Invariant: null only while it is made, or when that has thrown.
    Waiter* op_ = nullptr;
    const Kind* kind_ = nullptr;
    alignas(std::max_align_t) std::byte room_[room];
};

}  // namespace eddy::inline v0_1::detail
