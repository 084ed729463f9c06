// SPDX-License-Identifier: MIT
// A buffered writer has no job: the stream below it writes by operations.

#include <cstddef>
#include <span>
#include <string_view>

#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>
#include <eddy/then.hpp>

using Bytes = std::span<const std::byte>;

/// Counts what it writes.
struct Counted {
    explicit Counted(eddy::TcpStream& stream) : inner(stream) {}
    auto write_some(Bytes bytes) { return inner.write_some(bytes); }
    auto write_all(Bytes bytes) { return inner.write_all(bytes); }
    auto write_all(std::span<const Bytes> parts) {
        return eddy::then([this, parts] { return inner.write_all(parts); }, [this] { ++writes; });
    }
    auto write_all(std::string_view text) { return inner.write_all(text); }
    auto shutdown() { return inner.shutdown(); }
    void close() { inner.close(); }
    eddy::TcpStream& inner;
    int writes = 0;
};

eddy::Task<> correct(eddy::TcpStream& stream) {
    Counted counted(stream);
    eddy::BufferedWriter writer(counted);
    co_await writer.write("message");
    co_await writer.shutdown();
}

#ifdef EDDY_MUST_NOT_COMPILE
struct ByTasks : Counted {
    using Counted::Counted;
    eddy::Task<> write_all(Bytes bytes) { co_await inner.write_all(bytes); }
    eddy::Task<> write_all(std::span<const Bytes> parts) { co_await inner.write_all(parts); }
    eddy::Task<> write_all(std::string_view text) { co_await inner.write_all(text); }
};

eddy::Task<> wrong(eddy::TcpStream& stream) {
    ByTasks slow(stream);
    eddy::BufferedWriter writer(slow);
    co_await writer.write("message");
}
#endif
