// SPDX-License-Identifier: MIT
#include <eddy/net/framed.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace eddy::detail {

FrameCodec::FrameCodec(const FrameOptions& options) : options_(options) {
    if (options.length_bytes < 1 || options.length_bytes > 8) {
        throw std::invalid_argument("a frame's length is written in 1 to 8 bytes");
    }
    // With its header, a frame is still counted by a std::size_t.
    options_.limit =
        std::min(options_.limit, std::numeric_limits<std::size_t>::max() - Header().size());
    if (options.length_bytes < 8) {
        const std::uint64_t largest = (std::uint64_t{1} << (8 * options.length_bytes)) - 1;
        if (options_.limit > largest) {
            options_.limit = static_cast<std::size_t>(largest);
        }
    }
}

FrameCodec::Header FrameCodec::encode(std::uint64_t length) const {
    if (length > options_.limit) {
        throw std::invalid_argument("a message of " + std::to_string(length) +
                                    " bytes is above the limit of " +
                                    std::to_string(options_.limit) + " for frames");
    }
    Header header{};
    const std::size_t size = header_size();
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t place = options_.order == std::endian::big ? size - 1 - i : i;
        header[place] = static_cast<std::byte>(length >> (8 * i));
    }
    return header;
}

std::size_t FrameCodec::decode(std::span<const std::byte> header) const {
    std::uint64_t length = 0;
    const std::size_t size = header_size();
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t place = options_.order == std::endian::big ? i : size - 1 - i;
        length = length << 8U | std::to_integer<std::uint64_t>(header[place]);
    }
    if (length > options_.limit) {
        throw_limit("a frame", options_.limit);
    }
    return static_cast<std::size_t>(length);
}

}  // namespace eddy::detail
