// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/executor.hpp>

namespace eddy::inline v0_1::detail {

/// The name of something temporary, which is removed with the last who has this: the object of the
/// user's, or a call under way. On any thread.
///
/// Invariant: while it is `ours`, there is something of that name which is to be removed. Whoever
///            makes that `claimed` does it, or sees to it that it is not done.
class TemporaryEntry final {
public:
    enum class Kind : bool { file, directory };

    /// There is nothing of that name yet.
    TemporaryEntry(Kind kind, Executor* executor) noexcept : kind_(kind), executor_(executor) {}
    TemporaryEntry(const TemporaryEntry&) = delete;
    TemporaryEntry& operator=(const TemporaryEntry&) = delete;
    /// On a loop, the executor removes it; elsewhere, and without memory, this thread.
    ~TemporaryEntry();

    /// Makes it, in a directory, with another name if one is taken; a file is open to read and
    /// write. Blocks. Throws: `IoError`.
    OwnedFd make(const std::string& directory, std::string_view prefix, std::string_view suffix);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] Executor* executor() const noexcept { return executor_; }

    /// Removes it. Blocks. Throws: `InvalidState`; `IoError`, and then it is still temporary.
    void remove();
    /// It stays, if `done` does not throw. Throws: `InvalidState`.
    template <class F>
    void keep(F done) {
        claim();
        try {
            done();
        } catch (...) {
            state_.store(State::ours, std::memory_order_release);
            throw;
        }
        state_.store(State::over, std::memory_order_release);
    }

    /// A `TemporaryFile`, or the other one.
    template <class Owner, class... File>
    [[nodiscard]] static Owner owned(std::shared_ptr<TemporaryEntry> entry, File... file) noexcept {
        return Owner(std::move(entry), std::move(file)...);
    }

private:
    enum class State : std::uint8_t { not_made, ours, claimed, over };

    /// Throws: `InvalidState`.
    void claim();

    const Kind kind_;
    Executor* const executor_;  // null: the loop's pool for files
    const std::uint32_t generation_ = fork_generation();
    std::string path_;  // by `make`, then it does not change
    std::atomic<State> state_{State::not_made};
};

}  // namespace eddy::inline v0_1::detail
