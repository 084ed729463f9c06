// SPDX-License-Identifier: MIT
#include <eddy/fs/file_stream.hpp>

#include <utility>

#include "fs/file_stream_state.hpp"

namespace eddy::inline v0_1 {

FileStream::FileStream(File file, std::uint64_t position)
    : state_(new detail::FileStreamState(std::move(file), position)) {}

FileStream::~FileStream() {
    if (state_ != nullptr) {
        state_->close();
        const File closes(std::move(state_->file));
        detail::release(*state_);
    }
}

File& FileStream::file() const { return detail::checked(state_, "FileStream::file").file; }

std::uint64_t FileStream::position() const {
    return detail::checked(state_, "FileStream::position").position;
}

void FileStream::seek(std::uint64_t position) {
    detail::FileStreamState& state = detail::checked(state_, "FileStream::seek");
    state.require_free("FileStream::seek");
    state.position = position;
}

void FileStream::close() {
    detail::FileStreamState& state = detail::checked(state_, "FileStream::close");
    state.close();
    if (state.file.is_open()) {
        static_cast<void>(state.file.close());
    }
}

}  // namespace eddy::inline v0_1
