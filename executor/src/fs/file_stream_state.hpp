// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include <eddy/detail/file_stream_waits.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/loop_bound.hpp>

#include "fs/open_file.hpp"

namespace eddy::inline v0_1::detail {

/// What a stream and its operations share. The loop's.
///
/// Invariant: user is the one operation whose wait, or whose result, is under way, or null.
class FileStreamState final {
public:
    FileStreamState(File&& opened, std::uint64_t at) noexcept
        : file(std::move(opened)), position(at) {}

    /// Nobody waits on it: from now on an operation may.
    void require_free(const char* what) const {
        bound.check(what);
        if (user != nullptr) {
            throw BusyResource(std::string(what) +
                               ": another job reads from this stream, or writes to it");
        }
    }
    void close() noexcept {
        closed = true;
        if (user != nullptr && !FileAccess::of(file)->inherited()) {  // else it is the parent's
            user->stream_closed();
        }
    }

    LoopBound bound;
    File file;  // nobody's who was moved from, until the stream goes
    std::uint64_t position;
    FileStreamUser* user = nullptr;
    bool closed = false;
    bool shut_down = false;      // writes no more
    bool torn = false;           // it appends, and has a half at its end
    std::exception_ptr failure;  // of a write whose result nobody took: the next one throws it
    std::uint32_t holders = 1;
};

/// Throws: `InvalidState` after a move, `WrongThread`.
[[nodiscard]] inline FileStreamState& checked(FileStreamState* state, const char* what) {
    if (state == nullptr) {
        throw InvalidState(std::string(what) + ": this stream was moved from");
    }
    state->bound.check(what);
    return *state;
}

}  // namespace eddy::inline v0_1::detail
