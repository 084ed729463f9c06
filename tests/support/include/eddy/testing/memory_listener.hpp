// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <system_error>

#include <eddy/testing/memory_stream.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::testing {

namespace detail {
struct MemoryBacklog;
class MemoryAccept;
}  // namespace detail

/// A `Listener` without a network: what `connect` returns is the client's end, `accept` yields the
/// other one.
///
///     MemoryListener listener;
///     group.spawn(serve(server, listener, handler));
///     MemoryStream client = listener.connect();
///
/// Order:     connections in order, to accepts in order.
/// Threading: both sides on one loop.
class MemoryListener final {
public:
    explicit MemoryListener(const MemoryOptions& options = {}, std::size_t backlog = 128);
    MemoryListener(const MemoryListener&) = delete;
    MemoryListener& operator=(const MemoryListener&) = delete;
    /// Closes.
    ~MemoryListener();

    /// Throws: `BrokenResource` when the listener is closed or its backlog is full.
    [[nodiscard]] MemoryStream connect();

    /// The next `times` accepts throw `IoError` with this code, at once, whoever waits.
    void fail_accepts(std::errc code, std::size_t times);

    /// A cancelled accept has accepted nothing.
    [[nodiscard]] detail::MemoryAccept accept();

    /// Accepts that wait end with `ClosedResource`; connections in the backlog are reset.
    void close();

    [[nodiscard]] bool is_open() const noexcept;
    /// Connections that nobody has accepted yet.
    [[nodiscard]] std::size_t pending() const noexcept;
    /// Jobs that wait in `accept`.
    [[nodiscard]] std::size_t waiting() const noexcept;
    /// How often `accept` was awaited, with whatever result.
    [[nodiscard]] std::size_t attempts() const noexcept;

private:
    std::shared_ptr<detail::MemoryBacklog> backlog_;
};

namespace detail {

class MemoryAccept final : public QueuedWaiter {
public:
    explicit MemoryAccept(std::shared_ptr<MemoryBacklog> backlog) noexcept
        : backlog_(std::move(backlog)) {}

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] MemoryStream take();
    [[nodiscard]] const char* what() const noexcept override { return "MemoryListener::accept"; }

private:
    friend struct MemoryBacklog;
    friend class testing::MemoryListener;
    void pass_on() noexcept override;

    std::shared_ptr<MemoryBacklog> backlog_;
    std::list<MemoryStream> granted_;  // one, or none when the listener was closed
    std::errc failed_{};
};

}  // namespace detail
}  // namespace eddy::testing
