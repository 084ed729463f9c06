// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

#include "file_calls.hpp"

namespace eddy::testing {

/// Of all calls of a function that works on files, the n-th, and perhaps every later one, goes
/// wrong. Not `write`, with which
/// threads wake loops.
class NthCall : public FilePlan {
public:
    explicit NthCall(std::size_t nth, int error, bool and_later = false) noexcept
        : nth_(nth), error_(error), and_later_(and_later) {}
    ~NthCall() override { end(); }

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        if (call == FileSystemCall::write) {
            return 0;
        }
        const std::size_t number = ++calls_;
        if (number != nth_ && !(and_later_ && number > nth_)) {
            return 0;
        }
        which_.store(call);
        return happens();
    }

    /// The n-th call was made.
    [[nodiscard]] bool reached() const noexcept { return calls_.load() >= nth_; }
    [[nodiscard]] FileSystemCall which() const noexcept { return which_.load(); }

protected:
    /// What goes wrong.
    [[nodiscard]] virtual int happens() noexcept { return error_; }

private:
    const std::size_t nth_;
    const int error_;
    const bool and_later_;
    std::atomic<std::size_t> calls_{0};
    std::atomic<FileSystemCall> which_{FileSystemCall::count_};
};

}  // namespace eddy::testing
