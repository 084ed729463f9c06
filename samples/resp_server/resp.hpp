// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The Redis protocol, version 2: requests, read where they lie, and replies. Knows no stream.
namespace resp {

/// What a peer can make us keep; more is a protocol error.
inline constexpr std::size_t max_request = 1024UL * 1024;
inline constexpr std::size_t max_arguments = 1024;
inline constexpr std::size_t max_inline = 4096;  ///< bytes of a request that is a line of words
inline constexpr std::size_t max_header = 32;    ///< bytes of the line that says a length

/// A decimal number as Redis takes it: no plus, no blanks, no leading zeros.
[[nodiscard]] inline std::optional<std::int64_t> number_from(std::string_view text) noexcept {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (error != std::errc() || end != text.data() + text.size() ||
        (digits.front() == '0' && text.size() > 1)) {
        return std::nullopt;
    }
    return number;
}

/// The words of a request: views into the bytes that it was read from.
class Arguments {
public:
    /// Where a word lies, from the first byte of the request on.
    struct Place {
        std::uint32_t at;
        std::uint32_t length;
    };

    Arguments(std::string_view bytes, const std::vector<Place>& places) noexcept
        : bytes_(bytes), places_(&places) {}

    [[nodiscard]] std::size_t size() const noexcept { return places_->size(); }
    [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
        const Place place = (*places_)[index];
        return {bytes_.data() + place.at, place.length};
    }

private:
    std::string_view bytes_;
    const std::vector<Place>* places_;
};

/// Finds the end and the words of one request after another, in bytes that come in pieces.
///
///     if (parser.parse(bytes) == Parser::complete) {  // all from the request's first byte on
///         answer(parser.arguments(bytes));
///         bytes.remove_prefix(parser.length());
///         parser.next();
///     }
///
/// It copies nothing, begins again at most with the line it is in, however many pieces there are,
/// and keeps eight bytes for each word that has come: what a request only announces costs nothing.
class Parser {
public:
    enum Result : std::uint8_t { complete, incomplete, invalid };

    /// `bytes`: the same as the last time, and more.
    [[nodiscard]] Result parse(std::string_view bytes) {
        if (stage_ == Stage::begin && !bytes.empty()) {
            stage_ = bytes.front() == '*' ? Stage::count : Stage::words;
        }
        Result result = complete;
        while (result == complete && stage_ != Stage::done) {
            switch (stage_) {
                case Stage::begin:
                    return incomplete;
                case Stage::count:
                    result = parse_count(bytes);
                    break;
                case Stage::header:
                    result = parse_header(bytes);
                    break;
                case Stage::body:
                    result = parse_body(bytes);
                    break;
                default:
                    result = parse_words(bytes);
            }
        }
        return result;
    }

    /// Of a complete request. No words at all: there is nothing to answer.
    [[nodiscard]] Arguments arguments(std::string_view bytes) const noexcept {
        return {bytes, places_};
    }
    [[nodiscard]] std::size_t length() const noexcept { return at_; }
    /// Begins anew, with the byte behind the request.
    void next() noexcept {
        places_.clear();
        stage_ = Stage::begin;
        at_ = wanted_ = 0;
    }

    /// With fewer bytes than these, an incomplete request stays so.
    [[nodiscard]] std::size_t wanted() const noexcept {
        return std::max(wanted_, stage_ == Stage::done ? at_ : at_ + 1);
    }
    /// What is wrong with one that is invalid, in Redis' words.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    enum class Stage : std::uint8_t { begin, count, header, body, words, done };

    [[nodiscard]] Result fail(std::string_view error) {
        error_ = "ERR Protocol error: ";
        error_ += error;
        return invalid;
    }
    [[nodiscard]] Result wait_for(std::size_t bytes) noexcept {
        wanted_ = bytes;
        return incomplete;
    }

    /// The number in the line at `at_`, behind its first byte.
    [[nodiscard]] Result parse_line(std::string_view bytes,
                                    std::optional<std::int64_t>& number,
                                    std::string_view too_long) {
        const std::string_view line = bytes.substr(at_, max_header);
        const std::size_t end = line.find('\n');
        if (end == std::string_view::npos) {
            return line.size() == max_header ? fail(too_long) : wait_for(bytes.size() + 1);
        }
        if (end >= 2 && line[end - 1] == '\r') {
            number = number_from(line.substr(1, end - 2));
        }
        at_ += end + 1;
        wanted_ = 0;
        return complete;
    }

    [[nodiscard]] Result parse_count(std::string_view bytes) {
        if (bytes.size() > 4 && bytes[1] > '0' && bytes[1] <= '9' && bytes[2] == '\r' &&
            bytes[3] == '\n') [[likely]] {
            left_ = static_cast<std::size_t>(bytes[1] - '0');
            at_ = 4;
            stage_ = Stage::header;
            return complete;
        }
        std::optional<std::int64_t> count;
        const Result line = parse_line(bytes, count, "too big mbulk count string");
        if (line != complete) {
            return line;
        }
        if (!count || *count > static_cast<std::int64_t>(max_arguments)) {
            return fail("invalid multibulk length");
        }
        left_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
        stage_ = left_ != 0 ? Stage::header : Stage::done;
        return complete;
    }

    /// What nearly all requests are made of, words of up to 99 bytes that are there, in few steps.
    /// Stops before one that is anything else.
    void take_short_words(std::string_view bytes) {
        const auto digit = [](char letter) { return static_cast<unsigned>(letter) - '0'; };
        const std::string_view in_bounds = bytes.substr(0, max_request);
        while (left_ != 0 && in_bounds.size() > at_ + 5 && in_bounds[at_] == '$') {
            std::size_t at = at_ + 2;
            const unsigned first = digit(in_bounds[at - 1]);
            unsigned length = first;
            if (in_bounds[at] != '\r') {
                const unsigned second = digit(in_bounds[at++]);
                length = first == 0 || second > 9 ? 100 : first * 10 + second;
            }
            if (first > 9 || length > 99 || in_bounds.size() < at + length + 4 ||
                in_bounds[at] != '\r' || in_bounds[at + 1] != '\n' ||
                in_bounds[at + length + 2] != '\r' || in_bounds[at + length + 3] != '\n') {
                break;
            }
            places_.push_back({static_cast<std::uint32_t>(at + 2), length});
            at_ = at + length + 4;
            --left_;
        }
    }

    [[nodiscard]] Result parse_header(std::string_view bytes) {
        take_short_words(bytes);
        if (left_ == 0) {
            stage_ = Stage::done;
            return complete;
        }
        if (at_ == bytes.size()) {
            return wait_for(at_ + 1);
        }
        if (bytes[at_] != '$') {
            const std::string got(1, bytes[at_] < ' ' ? '?' : bytes[at_]);
            return fail("expected '$', got '" + got + "'");
        }
        std::optional<std::int64_t> length;
        const Result line = parse_line(bytes, length, "too big bulk count string");
        if (line != complete) {
            return line;
        }
        if (!length || *length < 0 || at_ + 2 > max_request ||
            *length > static_cast<std::int64_t>(max_request - at_ - 2)) {
            return fail("invalid bulk length");
        }
        length_ = static_cast<std::uint32_t>(*length);
        stage_ = Stage::body;
        return complete;
    }

    [[nodiscard]] Result parse_body(std::string_view bytes) {
        const std::size_t end = at_ + length_;
        if (bytes.size() < end + 2) {
            return wait_for(end + 2);
        }
        if (bytes[end] != '\r' || bytes[end + 1] != '\n') {
            return fail("invalid bulk length");
        }
        places_.push_back({static_cast<std::uint32_t>(at_), length_});
        at_ = end + 2;
        stage_ = --left_ != 0 ? Stage::header : Stage::done;
        return complete;
    }

    /// A line of words, for people with a terminal. Quotes mean nothing.
    [[nodiscard]] Result parse_words(std::string_view bytes) {
        const std::size_t searched = wanted_ != 0 ? wanted_ - 1 : 0;
        const std::size_t end = bytes.substr(0, max_inline).find('\n', searched);
        if (end == std::string_view::npos) {
            return bytes.size() >= max_inline ? fail("too big inline request")
                                              : wait_for(bytes.size() + 1);
        }
        for (std::size_t at = 0; at < end;) {
            const std::size_t begin = std::min(bytes.find_first_not_of(" \t\r", at), end);
            at = std::min(bytes.find_first_of(" \t\r", begin), end);
            if (begin != at) {
                places_.push_back(
                    {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at - begin)});
            }
        }
        at_ = end + 1;
        stage_ = Stage::done;
        return complete;
    }

    // Invariant: all before at_ has been understood; left_ words are to come, the next of them
    // length_ bytes long if that has been read.
    Stage stage_ = Stage::begin;
    std::size_t at_ = 0;
    std::size_t wanted_ = 0;
    std::size_t left_ = 0;
    std::uint32_t length_ = 0;
    std::vector<Arguments::Place> places_;
    std::string error_;
};

// --- replies -----------------------------------------------------------------------------------

inline void add_line(std::string& out, char kind, std::string_view text) {
    out += kind;
    out += text;
    out += "\r\n";
}
inline void add_line(std::string& out, char kind, std::int64_t number) {
    std::array<char, 24> buffer;
    buffer[0] = kind;
    char* end = std::to_chars(buffer.data() + 1, buffer.data() + 22, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.append(buffer.data(), end);
}

inline void add_status(std::string& out, std::string_view text) { add_line(out, '+', text); }
inline void add_error(std::string& out, std::string_view text) { add_line(out, '-', text); }
inline void add_number(std::string& out, std::int64_t number) { add_line(out, ':', number); }
inline void add_array(std::string& out, std::size_t size) {
    add_line(out, '*', static_cast<std::int64_t>(size));
}
inline void add_bulk(std::string& out, std::string_view text) {
    add_line(out, '$', static_cast<std::int64_t>(text.size()));
    out += text;
    out += "\r\n";
}
inline void add_nil(std::string& out) { out += "$-1\r\n"; }
inline void add_nil_array(std::string& out) { out += "*-1\r\n"; }

}  // namespace resp
