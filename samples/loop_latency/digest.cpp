// SPDX-License-Identifier: MIT
#include "digest.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <span>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <openssl/evp.h>

namespace {

/// A file that is open for reading. O_NONBLOCK: a FIFO that has taken the file's place must not
/// hold us up.
class Reader {
public:
    explicit Reader(const std::filesystem::path& file)
        : fd_(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }

    [[nodiscard]] bool is_open() const { return fd_ >= 0; }

    /// Bytes read, 0 at the end, negative on failure.
    [[nodiscard]] ssize_t next(std::span<unsigned char> buffer) const {
        while (true) {
            const ssize_t count = read(fd_, buffer.data(), buffer.size());
            if (count >= 0 || errno != EINTR) {
                return count;
            }
        }
    }

private:
    int fd_;
};

std::string last_error() { return std::generic_category().message(errno); }

std::span<unsigned char> thread_buffer() {
    static thread_local std::vector<unsigned char> buffer(256 * 1024);
    return buffer;
}

std::string to_hex(std::span<const unsigned char> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (const unsigned char byte : bytes) {
        hex += digits[byte >> 4U];
        hex += digits[byte & 15U];
    }
    return hex;
}

}  // namespace

Digest sha256(const std::stop_token& stop, const std::filesystem::path& file) {
    Digest digest;
    const Reader reader(file);
    if (!reader.is_open()) {
        digest.problem = last_error();
        return digest;
    }
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
        digest.problem = "SHA-256 is not available";
        return digest;
    }
    const std::span<unsigned char> buffer = thread_buffer();
    while (true) {
        if (stop.stop_requested()) {
            digest.stopped = true;
            return digest;
        }
        const ssize_t count = reader.next(buffer);
        if (count < 0) {
            digest.problem = last_error();
            return digest;
        }
        if (count == 0) {
            break;
        }
        EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(count));
        digest.bytes += static_cast<std::uint64_t>(count);
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
    digest.hex = to_hex(std::span(bytes).first(size));
    return digest;
}

void warm_up(const std::stop_token& stop, const std::filesystem::path& file) {
    const Reader reader(file);
    while (reader.is_open() && !stop.stop_requested() && reader.next(thread_buffer()) > 0) {
    }
}
