// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <eddy/loop_bound.hpp>

namespace eddy::detail {

/// The bytes that were read from a stream and that nobody has taken yet.
///
/// Cost: allocates to grow, and never shrinks; what has been taken makes room for what comes. Its
///       size stays below four times the most bytes it held when `prepare` was called, plus 4 KiB.
class ReadBuffer final {
public:
    /// One operation uses the buffer at a time.
    class Use final {
    public:
        /// Throws: `WrongThread`, `BusyResource`.
        explicit Use(ReadBuffer& buffer);
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { buffer_.used_ = false; }

    private:
        ReadBuffer& buffer_;
    };

    /// Somebody else's memory while bytes are read into it. Unless it is filled, they are unread
    /// again, however the read ends.
    class Filling final {
    public:
        explicit Filling(ReadBuffer& buffer, std::span<std::byte> into) noexcept
            : buffer_(buffer), into_(into), done_(buffer.take(into)) {}
        Filling(const Filling&) = delete;
        Filling& operator=(const Filling&) = delete;
        ~Filling() {
            if (done_ != into_.size()) {
                buffer_.put_back(into_.first(done_));
            }
        }

        [[nodiscard]] std::size_t done() const noexcept { return done_; }
        [[nodiscard]] std::span<std::byte> rest() const noexcept { return into_.subspan(done_); }
        void add(std::size_t length) noexcept { done_ += length; }

    private:
        ReadBuffer& buffer_;
        std::span<std::byte> into_;
        std::size_t done_;
    };

    ReadBuffer() = default;
    ReadBuffer(const ReadBuffer&) = delete;
    ReadBuffer& operator=(const ReadBuffer&) = delete;

    /// Throws: `WrongThread` naming `what`.
    void check(const char* what) const { bound_.check(what); }

    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] std::span<const std::byte> unread() const noexcept {
        return {bytes_.get() + begin_, size()};
    }
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.get()) + begin_, size()};
    }

    /// Takes bytes; they stay where they are until `prepare` or `put_back`.
    void consume(std::size_t length) noexcept { begin_ += length; }
    /// Takes as many as there are into `into`.
    [[nodiscard]] std::size_t take(std::span<std::byte> into) noexcept;

    /// Room to read into, never empty. What `unread` gave before is invalid.
    [[nodiscard]] std::span<std::byte> prepare();
    void commit(std::size_t length) noexcept { end_ += length; }

    /// Bytes that were read past the buffer, and are unread again. Without memory they are lost,
    /// and every later use throws.
    void put_back(std::span<const std::byte> bytes) noexcept;

private:
    static constexpr std::size_t first_capacity = 4096;

    void make_room(std::size_t capacity);

    // Invariant: begin_ <= end_ <= capacity_; [begin_, end_) is unread.
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool used_ = false;
    bool lost_ = false;
    LoopBound bound_;
};

/// What a search for the end of a line, or for another delimiter, has come to.
struct Found {
    std::size_t length;    ///< without the delimiter
    std::size_t consumed;  ///< with it
};

/// The first line of `text`, ended by CRLF or LF. `searched` bytes are known to hold no LF, and are
/// counted on.
///
/// Throws: `LimitExceeded` when it is, or can only become, longer than `limit`.
[[nodiscard]] std::optional<Found> find_line(std::string_view text,
                                             std::size_t limit,
                                             std::size_t& searched);

/// The same for any delimiter.
[[nodiscard]] std::optional<Found> find_delimiter(std::string_view text,
                                                  std::string_view delimiter,
                                                  std::size_t limit,
                                                  std::size_t& searched);

[[noreturn]] void throw_limit(const char* what, std::size_t limit);
[[noreturn]] void throw_ended(const char* what, std::size_t had);
[[noreturn]] void throw_ended(const char* what, std::size_t had, std::size_t wanted);

}  // namespace eddy::detail
