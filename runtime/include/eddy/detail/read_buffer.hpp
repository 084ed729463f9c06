// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <eddy/detail/buffer_pool.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

/// The bytes that were read from a stream and that nobody has taken yet.
///
/// Its memory comes from the thread's `BufferPool` and goes back there when nothing is in it and
/// more is waited for.
///
/// Cost: allocates only what the pool has not; what has been taken makes room for what comes. Its
///       size stays below four times the most bytes it held when `prepare` was called, plus 4 KiB;
///       it begins with what it needed the last time.
class EDDY_API ReadBuffer final {
public:
    /// One operation uses the buffer at a time.
    class Use final {
    public:
        /// Throws: as `enter`.
        explicit Use(ReadBuffer& buffer, const char* what = "a reader of a stream")
            : buffer_(buffer) {
            buffer.enter(what);
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { buffer_.leave(); }

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
    ~ReadBuffer() {
        EDDY_NO_USER(!used_,
                     "a reader was destroyed while a job reads through it: end the job before, or "
                     "close the stream and wait for it");
    }

    /// Throws: `WrongThread` naming `what`.
    void check(const char* what) const { bound_.check(what); }

    /// For one operation, until `leave`. Returns how many there have been, this one included.
    ///
    /// Throws: `WrongThread`, `BusyResource`; `BrokenResource` if bytes were lost.
    std::uint32_t enter(const char* what) {
        bound_.check(what);
        if (used_ || lost_) [[unlikely]] {
            refuse(what);
        }
        used_ = true;
        return ++uses_;
    }
    void leave() noexcept { used_ = false; }

    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] std::span<const std::byte> unread() const noexcept {
        return {bytes_.data() + begin_, size()};
    }
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()) + begin_, size()};
    }

    /// Takes bytes; they stay where they are until `rest`, `shrink`, `prepare` or `put_back`.
    void consume(std::size_t length) noexcept { begin_ += length; }
    /// The same for the user of a reader.
    ///
    /// Throws: as `enter`; `std::invalid_argument` for more than there are.
    void consume_checked(Count wanted);
    /// Takes as many as there are into `into`.
    [[nodiscard]] std::size_t take(std::span<std::byte> into) noexcept;

    /// Before a wait until there is something to read: true, and it has no memory any more, if
    /// there is nothing in it.
    [[nodiscard]] bool rest() noexcept;
    /// Where there is no such wait, before a read that may take long: if nothing is in it, it has
    /// at most the least there is.
    void shrink() noexcept;

    /// Room to read into, never empty. What `unread` gave before is invalid.
    [[nodiscard]] std::span<std::byte> prepare();
    void commit(std::size_t length) noexcept {
        end_ += length;
        most_ = size() > most_ ? size() : most_;
    }

    /// Bytes that were read past the buffer, and are unread again. Without memory they are lost,
    /// and every later use throws.
    void put_back(std::span<const std::byte> bytes) noexcept;

private:
    void make_room(std::size_t capacity);
    [[noreturn]] void refuse(const char* what) const;

    // Invariant: begin_ <= end_ <= bytes_.capacity(); [begin_, end_) is unread.
    PooledBuffer bytes_;
    std::size_t most_ = 0;  // that was unread at once, since it has been empty and at rest
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint32_t uses_ = 0;
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
[[nodiscard]] EDDY_API std::optional<Found> find_line(std::string_view text,
                                                      std::size_t limit,
                                                      std::size_t& searched);

/// The same for any delimiter.
[[nodiscard]] EDDY_API std::optional<Found> find_delimiter(std::string_view text,
                                                           std::string_view delimiter,
                                                           std::size_t limit,
                                                           std::size_t& searched);

[[noreturn]] EDDY_API void throw_limit(const char* what, std::size_t limit);
[[noreturn]] EDDY_API void throw_ended(const char* what, std::size_t had);
[[noreturn]] EDDY_API void throw_ended(const char* what, std::size_t had, std::size_t wanted);

}  // namespace eddy::inline v0_1::detail
