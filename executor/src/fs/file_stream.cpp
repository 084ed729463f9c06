// SPDX-License-Identifier: MIT
#include <eddy/fs/file_stream.hpp>

#include <utility>

#include <eddy/error.hpp>

#include "fs/file_stream_state.hpp"
#include "fs/open_file.hpp"

namespace eddy::inline v0_1 {

namespace {

[[nodiscard]] File&& not_moved_from(File& file) {
    if (detail::FileAccess::of(file) == nullptr) {
        throw InvalidState("FileStream: this file was moved from");
    }
    return std::move(file);
}

}  // namespace

FileStream::FileStream(File file, std::uint64_t position)
    : state_(new detail::FileStreamState(not_moved_from(file), position)) {}

FileStream::~FileStream() {
    if (state_ != nullptr) {
        state_->close();
        const File closes(std::move(state_->file));
        detail::release(*state_);
    }
}

const File& FileStream::file() const { return detail::checked(state_, "FileStream::file").file; }

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
    static_cast<void>(state.file.close());
}

}  // namespace eddy::inline v0_1
