// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/whole_number.hpp>

/// What a reader looks for in its buffer: each of these knows nothing of streams and waits. It has
///
///     static constexpr const char* name;  // of the operation, for the job dump
///     using Result;
///     void begin();                      // like new; throws for arguments that make no sense
///     bool complete(const ReadBuffer&);  // it is all there; throws if it cannot become so
///     void at_end(const ReadBuffer&);    // it is not, and the stream has ended; may throw
///     Result take(ReadBuffer&);          // after `complete` was true, or `at_end`
///
/// Until `take` nothing is taken from the buffer.

namespace eddy::inline v0_1::detail {

/// A line, ended by LF or CRLF, or by the end of the stream.
class EDDY_API LineLook final {
public:
    static constexpr const char* name = "BufferedReader::read_line";
    using Result = std::optional<std::string_view>;

    explicit LineLook(Count most) noexcept : most_(most) {}

    void begin() {
        limit_ = most_.checked("read_line: the limit");
        searched_ = 0;
    }
    [[nodiscard]] bool complete(const ReadBuffer& buffer) {
        found_ = find_line(buffer.text(), limit_, searched_);
        return found_.has_value();
    }
    void at_end(const ReadBuffer& buffer);
    [[nodiscard]] Result take(ReadBuffer& buffer) const noexcept {
        if (!found_) {
            return std::nullopt;
        }
        const std::string_view line = buffer.text().substr(0, found_->length);
        buffer.consume(found_->consumed);
        return line;
    }

private:
    Count most_;
    std::size_t limit_ = 0;
    std::size_t searched_ = 0;
    std::optional<Found> found_;
};

/// What comes before a delimiter.
class EDDY_API DelimiterLook final {
public:
    static constexpr const char* name = "BufferedReader::read_until";
    using Result = std::optional<std::span<const std::byte>>;

    DelimiterLook(std::string_view delimiter, Count most) noexcept
        : delimiter_(delimiter), most_(most) {}

    void begin() {
        limit_ = most_.checked("read_until: the limit");
        searched_ = 0;
    }
    [[nodiscard]] bool complete(const ReadBuffer& buffer) {
        found_ = find_delimiter(buffer.text(), delimiter_, limit_, searched_);
        return found_.has_value();
    }
    void at_end(const ReadBuffer& buffer) const;
    [[nodiscard]] Result take(ReadBuffer& buffer) const noexcept {
        if (!found_) {
            return std::nullopt;
        }
        const auto bytes = buffer.unread().first(found_->length);
        buffer.consume(found_->consumed);
        return bytes;
    }

private:
    std::string_view delimiter_;
    Count most_;
    std::size_t limit_ = 0;
    std::size_t searched_ = 0;
    std::optional<Found> found_;
};

/// So many bytes.
class EDDY_API CountLook final {
public:
    static constexpr const char* name = "BufferedReader::read_exactly";
    using Result = std::span<const std::byte>;

    CountLook(Count wanted, Count most) noexcept : wanted_(wanted), most_(most) {}

    void begin();
    [[nodiscard]] bool complete(const ReadBuffer& buffer) const noexcept {
        return buffer.size() >= count_;
    }
    [[noreturn]] void at_end(const ReadBuffer& buffer) const;
    [[nodiscard]] Result take(ReadBuffer& buffer) const noexcept {
        const auto bytes = buffer.unread().first(count_);
        buffer.consume(count_);
        return bytes;
    }

private:
    Count wanted_;
    Count most_;
    std::size_t count_ = 0;
};

/// So many bytes, or fewer at the end of the stream, and they stay.
class EDDY_API PeekLook final {
public:
    static constexpr const char* name = "BufferedReader::peek";
    using Result = std::span<const std::byte>;

    PeekLook(Count wanted, Count most) noexcept : wanted_(wanted), most_(most) {}

    void begin();
    [[nodiscard]] bool complete(const ReadBuffer& buffer) const noexcept {
        return buffer.size() >= count_;
    }
    void at_end(const ReadBuffer&) const noexcept {}
    [[nodiscard]] Result take(const ReadBuffer& buffer) const noexcept { return buffer.unread(); }

private:
    Count wanted_;
    Count most_;
    std::size_t count_ = 0;
};

}  // namespace eddy::inline v0_1::detail
