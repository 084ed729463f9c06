// SPDX-License-Identifier: MIT
#include "fault/log_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace eddy::inline v0_1::detail {

namespace {

/// How often a full pipe is looked at.
constexpr std::chrono::milliseconds retry_pause{10};

/// While this lives, a pipe without a reader is EPIPE and no signal, whatever the disposition.
class WithoutSigpipe final {
public:
    explicit WithoutSigpipe(bool wanted) noexcept : wanted_(wanted) {
        if (!wanted_) {
            return;
        }
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigemptyset(&pending);
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    WithoutSigpipe(const WithoutSigpipe&) = delete;
    WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
    ~WithoutSigpipe() {
        if (!wanted_) {
            return;
        }
        if (raised_ && !was_pending_) {
            const timespec at_once{};
            while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    void note(ssize_t result) noexcept { raised_ = raised_ || (result < 0 && errno == EPIPE); }

private:
    bool wanted_;
    bool was_pending_ = false;
    bool raised_ = false;
    sigset_t pipe_{};
    sigset_t before_{};
};

}  // namespace

/// One look at descriptor 2, and the way to write to it that does not wait.
class ErrorStream::Door final {
public:
    enum class Way { none, plain, pipe, polled, socket };

    Door() noexcept {
        struct stat status{};
        if (fstat(STDERR_FILENO, &status) != 0) {
            return;
        }
        device = status.st_dev;
        file = status.st_ino;
        const bool pipe = S_ISFIFO(status.st_mode);
        if (S_ISSOCK(status.st_mode)) {
            way_ = Way::socket;
        } else if (pipe || (S_ISCHR(status.st_mode) && isatty(STDERR_FILENO) == 1)) {
            open_anew(pipe);
        } else {
            way_ = Way::plain;
        }
    }
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    ~Door() {
        if (own_ >= 0) {
            close(own_);
        }
    }

    /// The bytes it took, 0 for none at present, below 0 for never.
    [[nodiscard]] ssize_t write(std::string_view bytes) noexcept {
        if (way_ == Way::polled && !has_room()) {
            return refused_ ? -1 : 0;
        }
        if (way_ == Way::none) {
            return -1;
        }
        if (way_ == Way::polled) {
            bytes = bytes.substr(0, PIPE_BUF);
        }
        WithoutSigpipe guard(way_ == Way::pipe || way_ == Way::polled);
        ssize_t taken = -1;
        do {
            taken =
                way_ == Way::socket
                    ? send(STDERR_FILENO, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                    : ::write(own_ >= 0 ? own_ : STDERR_FILENO, bytes.data(), bytes.size());
        } while (taken < 0 && errno == EINTR);
        guard.note(taken);
        const bool later = taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        return later ? 0 : taken;
    }

    dev_t device = 0;
    ino_t file = 0;

private:
    /// By another description, whose O_NONBLOCK is nobody else's. It may fail: no /proc, no
    /// permission after a change of user, no descriptor left.
    void open_anew(bool pipe) noexcept {
        const int flags = fcntl(STDERR_FILENO, F_GETFL);
        if (flags >= 0 && (flags & O_NONBLOCK) != 0) {
            way_ = Way::pipe;
            return;
        }
        own_ = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own_ >= 0) {
            way_ = Way::pipe;
        } else if (!pipe || errno != ENXIO) {  // that is a pipe without a reader
            way_ = Way::polled;
        }
    }

    /// Of a pipe, for PIPE_BUF bytes.
    [[nodiscard]] bool has_room() noexcept {
        pollfd look{STDERR_FILENO, POLLOUT, 0};
        const int found = poll(&look, 1, 0);
        refused_ = found > 0 && (look.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        return found > 0 && !refused_ && (look.revents & POLLOUT) != 0;
    }

    Way way_ = Way::none;
    int own_ = -1;
    bool refused_ = false;
};

void ErrorStream::write(std::string_view message) noexcept {
    const KeepErrno keep;
    Door door;
    follow(door);
    drain(door);
    if (size_ == 0 && lost_ == 0) {
        while (!message.empty()) {
            const ssize_t taken = door.write(message);
            if (taken < 0) {
                cut_ = false;
                ++lost_;
                return;
            }
            if (taken == 0) {
                break;
            }
            message.remove_prefix(static_cast<std::size_t>(taken));
            cut_ = !message.empty();
        }
        if (cut_) {  // the rest belongs to what is out already, and the ring is empty
            put(message.substr(0, capacity));
            return;
        }
        if (message.empty()) {
            return;
        }
    }
    put_message(message);
    drain(door);  // a loss is told of with the next message
}

void ErrorStream::flush() noexcept {
    if (size_ != 0) {
        const KeepErrno keep;
        Door door;
        follow(door);
        drain(door);
    }
}

void ErrorStream::flush_again() noexcept {
    if (size_ != 0 && std::chrono::steady_clock::now() >= tried_ + retry_pause) {
        flush();
    }
}

void ErrorStream::forget() noexcept {
    head_ = 0;
    size_ = 0;
    lost_ = 0;
    noted_ = 0;
    cut_ = false;
}

void ErrorStream::drain(Door& door) noexcept {
    while (size_ != 0) {
        const std::size_t piece = std::min(size_, capacity - head_);
        const ssize_t taken = door.write({ring_ + head_, piece});
        if (taken < 0) {
            lose_all();
            return;
        }
        if (taken == 0) {
            tried_ = std::chrono::steady_clock::now();
            return;
        }
        const auto gone = static_cast<std::size_t>(taken);
        cut_ = ring_[head_ + gone - 1] != '\n';
        head_ = (head_ + gone) % capacity;
        size_ -= gone;
        if (size_ == 0) {
            noted_ = 0;
            tell_losses();
        }
    }
}

/// Standard error may have become another file: half a line is nothing for that one.
void ErrorStream::follow(const Door& door) noexcept {
    if (cut_ && (door.device != device_ || door.file != file_)) {
        drop_cut_line();
    }
    device_ = door.device;
    file_ = door.file;
}

void ErrorStream::put(std::string_view bytes) noexcept {
    const std::size_t tail = (head_ + size_) % capacity;
    const std::size_t first = std::min(bytes.size(), capacity - tail);
    std::memcpy(ring_ + tail, bytes.data(), first);
    std::memcpy(ring_, bytes.data() + first, bytes.size() - first);
    size_ += bytes.size();
}

/// Once something was lost, nothing more is taken before half of the ring is free, so that the
/// losses are told of in few lines, and where they have happened.
void ErrorStream::put_message(std::string_view message) noexcept {
    if (lost_ != 0 && size_ + message.size() <= capacity / 2) {
        tell_losses();
    }
    if (lost_ != 0 || message.size() > capacity - size_) {
        ++lost_;
        return;
    }
    put(message);
}

void ErrorStream::tell_losses() noexcept {
    if (lost_ == 0) {
        return;
    }
    char text[128];
    const int length = std::snprintf(text,
                                     sizeof text,
                                     "eddy: ... %llu %s lost, standard error did not take them\n",
                                     static_cast<unsigned long long>(lost_),
                                     lost_ == 1 ? "message was" : "messages were");
    if (length > 0) {
        noted_ += lost_ - 1;
        lost_ = 0;
        put({text, static_cast<std::size_t>(length)});
    }
}

void ErrorStream::drop_cut_line() noexcept {
    while (size_ != 0 && cut_) {
        cut_ = ring_[head_] != '\n';
        head_ = (head_ + 1) % capacity;
        --size_;
    }
    cut_ = false;
}

/// Nobody will ever read it. Counted by lines, of which most messages have one.
void ErrorStream::lose_all() noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
        lost_ += ring_[(head_ + i) % capacity] == '\n' ? 1 : 0;
    }
    lost_ += noted_;
    noted_ = 0;
    head_ = 0;
    size_ = 0;
    cut_ = false;
}

}  // namespace eddy::inline v0_1::detail
