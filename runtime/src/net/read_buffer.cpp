// SPDX-License-Identifier: MIT
#include <eddy/detail/read_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void ReadBuffer::refuse(const char* what) const {
    if (used_) {
        throw BusyResource(std::string(what) +
                           ": another operation reads through this reader; one does at a time, "
                           "also of the same select");
    }
    throw BrokenResource(
        "this reader lost bytes when it ran out of memory: close its stream, the rest is of no "
        "meaning");
}

void ReadBuffer::consume_checked(Count wanted) {
    constexpr const char* what = "BufferedReader::consume";
    const std::size_t length = wanted.checked(what);
    const Use use(*this, what);
    if (length > size()) {
        throw std::invalid_argument(std::string(what) + ": " + std::to_string(length) +
                                    " bytes of " + std::to_string(size()) +
                                    " that are buffered: consume what peek has shown");
    }
    consume(length);
}

std::size_t ReadBuffer::take(std::span<std::byte> into) noexcept {
    const std::size_t length = std::min(into.size(), size());
    std::copy_n(unread().begin(), length, into.begin());
    consume(length);
    return length;
}

bool ReadBuffer::rest() noexcept {
    if (begin_ != end_) {
        return false;
    }
    bytes_.reset();
    begin_ = end_ = 0;
    return true;
}

void ReadBuffer::shrink() noexcept {
    if (bytes_.capacity() > BufferPool::smallest && rest()) {
        most_ = 0;
    }
}

std::span<std::byte> ReadBuffer::prepare() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
    // A small rest would make small reads. What is moved is at most twice what was taken since.
    const std::size_t capacity = bytes_.capacity();
    if (capacity == 0) {
        bytes_ = PooledBuffer(std::min(std::exchange(most_, 0), BufferPool::largest));
    } else if (capacity - end_ < capacity / 4) {
        if (size() > capacity / 2) {
            make_room(2 * capacity);
        } else {
            std::memmove(bytes_.data(), bytes_.data() + begin_, size());
        }
        end_ = size();
        begin_ = 0;
    }
    return {bytes_.data() + end_, bytes_.capacity() - end_};
}

/// Leaves begin_ and end_ as they are, for the caller to move.
void ReadBuffer::make_room(std::size_t capacity) {
    PooledBuffer bytes(capacity);
    std::copy_n(unread().begin(), size(), bytes.data());
    bytes_ = std::move(bytes);
}

void ReadBuffer::put_back(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) {
        return;
    }
    const std::size_t total = bytes.size() + size();
    if (total > bytes_.capacity()) {
        try {
            PooledBuffer room(total);
            std::copy_n(unread().begin(), size(), room.data() + bytes.size());
            bytes_ = std::move(room);
        } catch (const std::bad_alloc&) {
            lost_ = true;
            return;
        }
    } else {
        std::memmove(bytes_.data() + bytes.size(), bytes_.data() + begin_, size());
    }
    std::copy_n(bytes.begin(), bytes.size(), bytes_.data());
    begin_ = 0;
    end_ = total;
}

// --- searching ---------------------------------------------------------------------------------

std::optional<Found> find_line(std::string_view text, std::size_t limit, std::size_t& searched) {
    const std::size_t end = text.find('\n', searched);
    const bool found = end != std::string_view::npos;
    const std::string_view line = found ? text.substr(0, end) : text;
    const bool returned = !line.empty() && line.back() == '\r';  // without LF: it may still come
    const std::size_t length = line.size() - (returned ? 1 : 0);
    if (length > limit) {
        throw_limit("a line", limit);
    }
    searched = text.size();
    if (!found) {
        return std::nullopt;
    }
    return Found{length, end + 1};
}

std::optional<Found> find_delimiter(std::string_view text,
                                    std::string_view delimiter,
                                    std::size_t limit,
                                    std::size_t& searched) {
    if (delimiter.empty()) {
        throw std::invalid_argument("read_until needs a delimiter of at least one byte");
    }
    const std::size_t end = text.find(delimiter, searched);
    if (end != std::string_view::npos && end <= limit) {
        return Found{end, end + delimiter.size()};
    }
    // The last bytes may be the beginning of a delimiter.
    const std::size_t tail = delimiter.size() - 1;
    searched = text.size() > tail ? text.size() - tail : 0;
    if (end != std::string_view::npos || searched > limit) {
        throw_limit("what comes before the delimiter", limit);
    }
    return std::nullopt;
}

// --- errors ------------------------------------------------------------------------------------

void throw_limit(const char* what, std::size_t limit) {
    throw LimitExceeded(std::string(what) + " is longer than the limit of " +
                        std::to_string(limit) + " bytes: close the stream, or allow more");
}

void throw_ended(const char* what, std::size_t had) {
    throw PeerCutShort("the stream ended inside " + std::string(what) + ", after " +
                       std::to_string(had) + " bytes");
}

void throw_ended(const char* what, std::size_t had, std::size_t wanted) {
    throw PeerCutShort("the stream ended inside " + std::string(what) + ", after " +
                       std::to_string(had) + " of " + std::to_string(wanted) + " bytes");
}

}  // namespace eddy::inline v0_1::detail
