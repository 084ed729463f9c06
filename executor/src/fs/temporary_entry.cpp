// SPDX-License-Identifier: MIT
#include "fs/temporary_entry.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file_pool.hpp>

#include "fs/posix.hpp"
#include "fs/random_name.hpp"
#include "fs/remove_below.hpp"
#include "work_access.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// What is left to be done when nobody waits for it.
struct Leftover {
    TemporaryEntry::Kind kind;
    std::string path;

    void clear() const noexcept {
        try {
            if (kind == TemporaryEntry::Kind::file) {
                ::unlinkat(AT_FDCWD, path.c_str(), 0);
            } else {
                remove_below(path);
            }
        } catch (...) {  // there is nobody to tell
        }
    }
};

class Clearing final : public Work {
public:
    explicit Clearing(Leftover what) noexcept : what_(std::move(what)) {}

private:
    void invoke() noexcept override { what_.clear(); }
    void drop_call() noexcept override { what_.clear(); }  // rejected: here, then
    void destroy() noexcept override { delete this; }

    Leftover what_;
};

/// False: nobody takes it over.
[[nodiscard]] bool clear_elsewhere(Executor* executor, const Leftover& what) noexcept {
    Clearing* work = nullptr;
    try {
        Executor& to = executor != nullptr ? *executor : file_pool();
        work = new Clearing(what);
        WorkAccess::post(to, *work);
        return true;
    } catch (...) {
        delete work;  // it was not accepted
        return false;
    }
}

}  // namespace

TemporaryEntry::~TemporaryEntry() {
    if (state_.load(std::memory_order_acquire) != State::ours || generation_ != fork_generation()) {
        return;
    }
    const Leftover left{kind_, std::move(path_)};
    if (thread_state.core == nullptr || !clear_elsewhere(executor_, left)) {
        left.clear();
    }
}

OwnedFd TemporaryEntry::make(const std::string& directory,
                             std::string_view prefix,
                             std::string_view suffix) {
    const auto try_to = [this] {
        if (kind_ == Kind::directory) {
            return ::mkdirat(AT_FDCWD, path_.c_str(), 0700);
        }
        constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        return uninterrupted([&] { return ::openat(AT_FDCWD, path_.c_str(), flags, 0600); });
    };
    for (int attempt = 0; attempt < name_attempts; ++attempt) {
        path_ = directory;
        path_ += '/';
        path_ += random_name(prefix, suffix);
        const int made = try_to();
        if (made >= 0) {
            state_.store(State::ours, std::memory_order_release);
            return OwnedFd(kind_ == Kind::file ? made : -1);
        }
        if (errno != EEXIST) {
            break;
        }
    }
    throw_file_error(errno, kind_ == Kind::file ? "make the file" : "make the directory", path_);
}

void TemporaryEntry::claim() {
    State state = State::ours;
    if (!state_.compare_exchange_strong(state, State::claimed, std::memory_order_acq_rel)) {
        throw InvalidState("the temporary " + shown(path_) +
                           (state == State::claimed
                                ? " is being persisted or removed: await that call first"
                                : " is temporary no more: it was kept, persisted or removed"));
    }
}

void TemporaryEntry::remove() {
    keep([this] {
        if (kind_ == Kind::directory) {
            remove_below(path_);
        } else if (::unlinkat(AT_FDCWD, path_.c_str(), 0) != 0 && errno != ENOENT) {
            throw_file_error(errno, "remove", path_);
        }
    });
}

}  // namespace eddy::inline v0_1::detail
