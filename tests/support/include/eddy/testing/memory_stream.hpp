// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/net/peer_watch.hpp>
#include <eddy/waiter.hpp>

namespace eddy::testing {

class MemoryStream;

namespace detail {
class MemoryRead;
class MemoryReadable;
class MemoryHangUp;
class MemoryWriteSome;
class MemoryWriteAll;
class MemoryShutdown;
struct MemoryLink;
}  // namespace detail

/// What a connection in memory is like.
struct MemoryOptions {
    std::size_t capacity = 64UL * 1024;  ///< bytes each way that nobody has read yet; at least 1
    /// Reads and `write_some` take less than they could, by chance; the same for the same seed.
    std::optional<std::uint64_t> seed = std::nullopt;
};

/// A connected pair: what one writes, the other reads.
///
/// Throws: `std::invalid_argument` for a capacity of zero.
[[nodiscard]] std::pair<MemoryStream, MemoryStream> memory_stream_pair(
    const MemoryOptions& options = {});

/// One end of a connection that exists in memory only: a `Stream` for tests, with all the faults of
/// a real one and none of its chance.
///
///     auto [client, server] = memory_stream_pair({.capacity = 16, .seed = 7});
///     co_await client.write_all("hello\r\n");
///
/// Threading: both ends on one loop.
/// Cost:      no allocation after the pair was made.
class MemoryStream final {
public:
    MemoryStream(MemoryStream&&) noexcept = default;
    MemoryStream& operator=(MemoryStream&& other) noexcept {
        if (this != &other) {
            const MemoryStream replaced(std::exchange(link_, std::move(other.link_)), side_);
            side_ = other.side_;
        }
        return *this;
    }
    /// Closes.
    ~MemoryStream();

    [[nodiscard]] detail::MemoryRead read_some(std::span<std::byte> into);
    [[nodiscard]] detail::MemoryReadable wait_readable();
    [[nodiscard]] detail::MemoryHangUp wait_hang_up();
    [[nodiscard]] detail::MemoryWriteSome write_some(std::span<const std::byte> bytes);
    [[nodiscard]] detail::MemoryWriteAll write_all(std::span<const std::byte> bytes);
    [[nodiscard]] detail::MemoryWriteAll write_all(
        std::span<const std::span<const std::byte>> several);
    [[nodiscard]] detail::MemoryWriteAll write_all(std::string_view text);
    [[nodiscard]] detail::MemoryShutdown shutdown();

    /// What was written is still read by the other side, unless a write broke off halfway, or
    /// something that came for us is unread: then the other side sees a reset, as with TCP.
    void close();
    /// The other side loses what is on its way and gets `BrokenResource`.
    void close_reset();

    [[nodiscard]] bool is_open() const noexcept { return link_ != nullptr; }
    /// How `serve` holds the peer to a limit.
    [[nodiscard]] PeerWatch& peer_watch();

    /// Bytes for this end that are on their way.
    [[nodiscard]] std::size_t readable() const;

private:
    friend std::pair<MemoryStream, MemoryStream> memory_stream_pair(const MemoryOptions&);

    MemoryStream(std::shared_ptr<detail::MemoryLink> link, int side) noexcept
        : link_(std::move(link)), side_(side) {}
    void end(bool reset);

    std::shared_ptr<detail::MemoryLink> link_;  // null: moved from or closed
    int side_;
};

namespace detail {

/// How an operation that had to wait was ended.
enum class MemoryEnd : std::uint8_t { done, closed, broken, silent };

/// A reader: for bytes, or until there are any.
class MemoryReader : public Waiter {
public:
    [[nodiscard]] bool try_now();
    void start();

protected:
    MemoryReader(std::shared_ptr<MemoryLink> link,
                 int side,
                 bool takes_bytes,
                 std::span<std::byte> into) noexcept
        : link_(std::move(link)), side_(side), takes_bytes_(takes_bytes), into_(into) {}
    [[nodiscard]] std::size_t finish();

private:
    friend class MemoryPipe;
    void unlink() noexcept override;

    std::shared_ptr<MemoryLink> link_;
    int side_;
    bool takes_bytes_;
    MemoryEnd end_ = MemoryEnd::done;
    std::span<std::byte> into_;
    std::size_t length_ = 0;
};

/// A read: its result is in the caller's span when it is committed.
class MemoryRead final : public MemoryReader {
public:
    MemoryRead(std::shared_ptr<MemoryLink> link, int side, std::span<std::byte> into) noexcept
        : MemoryReader(std::move(link), side, true, into) {}
    [[nodiscard]] std::size_t take() { return finish(); }
    [[nodiscard]] const char* what() const noexcept override { return "MemoryStream::read_some"; }
};

class MemoryReadable final : public MemoryReader {
public:
    MemoryReadable(std::shared_ptr<MemoryLink> link, int side) noexcept
        : MemoryReader(std::move(link), side, false, {}) {}
    void take() { static_cast<void>(finish()); }
    [[nodiscard]] const char* what() const noexcept override {
        return "MemoryStream::wait_readable";
    }
};

class MemoryHangUp final : public Waiter {
public:
    MemoryHangUp(std::shared_ptr<MemoryLink> link, int side) noexcept
        : link_(std::move(link)), side_(side) {}
    [[nodiscard]] bool try_now();
    void start();
    void take();
    [[nodiscard]] const char* what() const noexcept override {
        return "MemoryStream::wait_hang_up";
    }

private:
    friend class MemoryPipe;
    void unlink() noexcept override;

    std::shared_ptr<MemoryLink> link_;
    int side_;
    MemoryEnd end_ = MemoryEnd::done;
};

/// A write of any kind. Unless all fits, the first byte goes in `start`: an operation that `select`
/// only tried has done nothing.
class MemoryWrite : public Waiter {
public:
    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] const char* what() const noexcept override { return "MemoryStream::write"; }

protected:
    using Spans = std::span<const std::span<const std::byte>>;

    MemoryWrite(std::shared_ptr<MemoryLink> link,
                int side,
                std::span<const std::byte> one,
                const Spans* several,
                bool all) noexcept;
    [[nodiscard]] std::size_t finish();

private:
    friend class MemoryPipe;
    [[nodiscard]] std::size_t left() const noexcept { return size_ - written_; }
    void unlink() noexcept override;

    std::shared_ptr<MemoryLink> link_;
    int side_;
    bool all_;
    bool many_;
    MemoryEnd end_ = MemoryEnd::done;
    std::span<const std::byte> one_;
    Spans several_;
    std::size_t size_;
    std::size_t written_ = 0;
};

class MemoryWriteSome final : public MemoryWrite {
public:
    MemoryWriteSome(std::shared_ptr<MemoryLink> link,
                    int side,
                    std::span<const std::byte> bytes) noexcept
        : MemoryWrite(std::move(link), side, bytes, nullptr, false) {}
    [[nodiscard]] std::size_t take() { return finish(); }
};

class MemoryWriteAll final : public MemoryWrite {
public:
    MemoryWriteAll(std::shared_ptr<MemoryLink> link,
                   int side,
                   std::span<const std::byte> one,
                   const Spans* several = nullptr) noexcept
        : MemoryWrite(std::move(link), side, one, several, true) {}
    void take() { static_cast<void>(finish()); }
};

/// Never waits.
class MemoryShutdown final : public Waiter {
public:
    MemoryShutdown(std::shared_ptr<MemoryLink> link, int side) noexcept
        : link_(std::move(link)), side_(side) {}

    [[nodiscard]] bool try_now();
    void start() const noexcept {}
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "MemoryStream::shutdown"; }

private:
    void unlink() noexcept override {}

    std::shared_ptr<MemoryLink> link_;
    int side_;
};

}  // namespace detail
}  // namespace eddy::testing
