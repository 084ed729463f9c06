// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/join_handle.hpp>
#include <eddy/os/descriptor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

#include "../net/net_kit.hpp"
#include "../net/raw_socket.hpp"
#include "../test_kit.hpp"

/// Descriptors of other libraries' making, and jobs that wait for them.

namespace eddy::testing {

/// Both ends block, until somebody says otherwise.
struct RawPipe {
    Raw reader{-1};
    Raw writer{-1};

    RawPipe() : RawPipe(ends()) {}

    void write(std::string_view text) const {
        CHECK(::write(writer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    [[nodiscard]] std::string read(std::size_t most = 4096) const {
        std::string text(most, '\0');
        const ssize_t count = ::read(reader.get(), text.data(), text.size());
        CHECK(count >= 0);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }
    /// Until there is no room.
    void fill() const {
        CHECK(::fcntl(writer.get(), F_SETFL, O_NONBLOCK) == 0);
        const std::string much(65536, 'x');
        while (::write(writer.get(), much.data(), much.size()) > 0) {
        }
        CHECK(::fcntl(writer.get(), F_SETFL, 0) == 0);
    }
    void close_reader() { ::close(reader.give()); }
    void close_writer() { ::close(writer.give()); }

private:
    struct Ends {
        int fds[2] = {-1, -1};
    };
    static Ends ends() {
        Ends both;
        CHECK(::pipe2(both.fds, O_CLOEXEC) == 0);
        return both;
    }
    explicit RawPipe(const Ends& both) : reader(both.fds[0]), writer(both.fds[1]) {}
};

inline Raw raw_eventfd(unsigned value = 0) {
    return Raw(::eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK));
}

/// Adopted, or borrowed from `kept`: what holds of both is tested with both.
inline Descriptor watch(Raw& kept, bool adopts) {
    return adopts ? Descriptor::adopt(kept.give()) : Descriptor::borrow(kept.get());
}

inline Task<> wait_readable(Descriptor& of) { co_await of.readable(); }
inline Task<> wait_writable(Descriptor& of) { co_await of.writable(); }
inline Task<> wait_hang_up(Descriptor& of) { co_await of.hang_up(); }

/// True if the wait ends without anybody's doing.
template <class Operation>
[[nodiscard]] bool ends_at_once(Operation operation) {
    if (!operation.try_now()) {
        return false;
    }
    operation.take();
    return true;
}

inline bool nobody_waits(const Descriptor& watched) {
    const DescriptorStatistics now = watched.statistics();
    return !now.reading && !now.writing && !now.awaiting_hang_up;
}

}  // namespace eddy::testing
