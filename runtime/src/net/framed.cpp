// SPDX-License-Identifier: MIT
#include <eddy/net/framed.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace eddy::inline v0_1::detail {

FrameCodec::FrameCodec(const FrameOptions& options)
    : length_bytes_(options.length_bytes.checked("FrameOptions: length_bytes")),
      order_(options.order) {
    if (length_bytes_ < 1 || length_bytes_ > 8) {
        throw std::invalid_argument("a frame's length is written in 1 to 8 bytes");
    }
    // With its header, a frame is still counted by a std::size_t.
    limit_ = std::min(options.limit.checked("FrameOptions: the limit"),
                      std::numeric_limits<std::size_t>::max() - Header().size());
    if (length_bytes_ < 8) {
        const std::uint64_t largest = (std::uint64_t{1} << (8 * length_bytes_)) - 1;
        if (limit_ > largest) {
            limit_ = static_cast<std::size_t>(largest);
        }
    }
}

FrameCodec::Header FrameCodec::encode(std::uint64_t length) const {
    if (length > limit_) {
        throw std::invalid_argument("a message of " + std::to_string(length) +
                                    " bytes is above the limit of " + std::to_string(limit_) +
                                    " for frames");
    }
    Header header{};
    const std::size_t size = header_size();
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t place = order_ == std::endian::big ? size - 1 - i : i;
        header[place] = static_cast<std::byte>(length >> (8 * i));
    }
    return header;
}

std::size_t FrameCodec::decode(std::span<const std::byte> header) const {
    std::uint64_t length = 0;
    const std::size_t size = header_size();
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t place = order_ == std::endian::big ? i : size - 1 - i;
        length = length << 8U | std::to_integer<std::uint64_t>(header[place]);
    }
    if (length > limit_) {
        throw_limit("a frame", limit_);
    }
    return static_cast<std::size_t>(length);
}

// --- looking for one ---------------------------------------------------------------------------

bool FrameLook::complete(const ReadBuffer& buffer) {
    const std::size_t header = codec_->header_size();
    if (!has_length_) {
        if (buffer.size() < header) {
            return false;
        }
        wanted_ += codec_->decode(buffer.unread().first(header));
        has_length_ = true;
    }
    return buffer.size() >= wanted_;
}

void FrameLook::at_end(const ReadBuffer& buffer) {
    if (buffer.size() != 0) {
        throw_ended("a frame", buffer.size(), wanted_);
    }
    ended_ = true;
}

}  // namespace eddy::inline v0_1::detail
