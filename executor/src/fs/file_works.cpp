// SPDX-License-Identifier: MIT
#include "fs/file_works.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <sys/types.h>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

std::size_t FileReadWork::call_file(const OpenFile& file) {
    const std::span<std::byte> memory = piece_of_thread(lent_.size());
    std::size_t done = 0;
    while (done < lent_.size()) {
        stop_if_asked();
        const std::size_t wanted = std::min(memory.size(), lent_.size() - done);
        const ssize_t length = uninterrupted([&] {
            return ::pread(file.fd, memory.data(), wanted, static_cast<off_t>(offset_ + done));
        });
        if (length < 0) {
            if (done != 0 && !fills_) {
                break;  // the next one will hear of it
            }
            throw_file_error(errno, "read", file.path);
        }
        const auto got = static_cast<std::size_t>(length);
        if (!lent_.put(done, memory.first(got))) {
            throw CallStopped();
        }
        done += got;
        if (got == 0 || (got < wanted && !fills_)) {
            break;
        }
    }
    return done;
}

std::size_t FileWriteWork::call_file(const OpenFile& file) {
    const std::span<std::byte> memory = piece_of_thread(size_);
    while (written_ < size_) {
        const std::optional<std::size_t> length = lent_.get(memory);
        if (!length) {
            // Who took it back has left this alone, or is about to; then it hears that this has
            // ended, and must not take a part for all of it.
            throw CallStopped();
        }
        if (*length == 0) {
            break;  // the list has become shorter
        }
        write_piece(file, memory.first(*length));
    }
    return written_;
}

void FileWriteWork::write_piece(const OpenFile& file, Bytes piece) {
    while (!piece.empty()) {
        const ssize_t length = uninterrupted([&] {
            return place_.at_end ? ::write(file.fd, piece.data(), piece.size())
                                 : ::pwrite(file.fd,
                                            piece.data(),
                                            piece.size(),
                                            static_cast<off_t>(place_.offset + written_));
        });
        if (length <= 0) {
            // Zero for something to write is none of the standard's answers.
            throw_file_error(length < 0 ? errno : EIO,
                             "write",
                             file.path,
                             written_ == 0 ? std::string()
                                           : "(after " + std::to_string(written_) + " of " +
                                                 std::to_string(size_) + " bytes)");
        }
        written_ += static_cast<std::size_t>(length);
        piece = piece.subspan(static_cast<std::size_t>(length));
    }
}

}  // namespace eddy::inline v0_1::detail
