// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

#include <eddy/detail/export.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/shared_node.hpp>
#include <eddy/outcome.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

class CallbackWait;

/// What a wait for a callback and its completions share: the type-free half.
///
/// | field        | who                                                                    |
/// |--------------|------------------------------------------------------------------------|
/// | completions_ | any thread counts; who drops the last one claims, if nobody has         |
/// | claimed_     | any thread; who sets it owns ending_, error and value until delivery    |
/// | ending_, error, value | the claimer writes; the loop thread reads after delivery, which |
/// |              | comes through the inbox (release, acquire) or on the same thread        |
/// | wait_        | loop thread only                                                       |
class EDDY_API CallbackState : public SharedNode {
public:
    enum class Ending : std::uint8_t { value, error, dropped };

    void add_completion() noexcept { completions_.fetch_add(1, std::memory_order_relaxed); }
    void drop_completion(std::shared_ptr<CallbackState> self) noexcept;

    /// True for the first one only.
    [[nodiscard]] bool claim() noexcept {
        return !claimed_.exchange(true, std::memory_order_acq_rel);
    }

    /// The claimer has stored how it ended. False: the loop is over.
    bool finish(std::shared_ptr<CallbackState> self, Ending ending) noexcept;

    std::exception_ptr error;

protected:
    CallbackState();
    ~CallbackState() override = default;

private:
    friend class CallbackWait;

    void node_arrived() override;

    std::atomic<std::size_t> completions_{1};
    std::atomic<bool> claimed_{false};
    Ending ending_ = Ending::dropped;
    CallbackWait* wait_ = nullptr;  // null when nobody waits any more
    std::shared_ptr<Inbox> inbox_;  // of the loop
};

template <class T>
class CallbackStateOf final : public CallbackState {
public:
    std::optional<Stored<T>> value;
};

/// The wait, without its types. In flight from the start: only its completion ends it, an abort
/// function that has undone the operation, or the loop's end.
class EDDY_API CallbackWait : public Waiter, private LoopCallback {
public:
    [[nodiscard]] const char* what() const noexcept override { return "a callback"; }

    /// Loop thread: the completion is there.
    void arrived() noexcept;

protected:
    CallbackWait() = default;
    ~CallbackWait() override = default;

    /// Around the call of the start function. `finish_start` may commit.
    void begin_start(std::shared_ptr<CallbackState> state) noexcept;
    void start_failed() noexcept { let_go(); }
    void finish_start() noexcept;

    /// Throws what a wait without a value throws.
    void throw_unless_value();
    [[nodiscard]] CallbackState& state() noexcept { return *state_; }

private:
    /// Asks the outside world to end it, in the loop's callback phase. True: it is undone, and no
    /// completion comes.
    [[nodiscard]] virtual bool call_abort() = 0;
    [[nodiscard]] virtual bool has_abort() const noexcept = 0;

    void call() final;
    void unlink() noexcept final { let_go(); }
    [[nodiscard]] bool abort() noexcept final;
    [[nodiscard]] bool sever() noexcept final {
        let_go();
        return true;
    }
    void let_go() noexcept;

    std::shared_ptr<CallbackState> state_;
    bool starting_ = false;
    bool arrived_ = false;
    bool abort_requested_ = false;
    bool undone_ = false;
};

}  // namespace eddy::inline v0_1::detail
