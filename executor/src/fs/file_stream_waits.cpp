// SPDX-License-Identifier: MIT
#include <eddy/detail/file_stream_waits.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/error.hpp>

#include "fs/file_stream_state.hpp"
#include "fs/open_file.hpp"

namespace eddy::inline v0_1::detail {

void retain(FileStreamState& state) noexcept { ++state.holders; }

void release(FileStreamState& state) noexcept {
    if (--state.holders == 0) {
        delete &state;
    }
}

OpenFile* file_of(FileStreamState* state) noexcept {
    return state != nullptr ? FileAccess::of(state->file) : nullptr;
}

namespace {

[[noreturn]] void throw_stream_closed(const char* what) {
    throw ClosedResource(std::string(what) + ": this stream is closed");
}

[[nodiscard]] FileStreamState& usable(FileStreamState* state, const char* what) {
    checked(state, what).require_free(what);
    if (state->closed) {
        throw_stream_closed(what);
    }
    if (state->failure != nullptr) {
        std::rethrow_exception(std::exchange(state->failure, nullptr));
    }
    return *state;
}

/// Throws for one that may not be written.
void require_writable(const FileStreamState& state, const char* what) {
    if (state.shut_down) {
        throw ClosedResource(std::string(what) + ": this stream was shut down for writing");
    }
    if (state.torn) {
        throw BrokenResource(std::string(what) +
                             ": an earlier write has left a part of what it was to append");
    }
}

}  // namespace

// --- any operation -----------------------------------------------------------------------------

template <class Base>
FileStreamState& FileStreamOp<Base>::enter() {
    static_cast<void>(checked(state_, this->what()));
    leave();  // a result that was not taken is forgotten
    return usable(state_, this->what());
}

template <class Base>
bool FileStreamOp<Base>::at_once(bool done) noexcept {
    if (done) {
        state_->user = this;  // its job may go on later
    }
    return done;
}

template <class Base>
void FileStreamOp<Base>::start_using() {
    closed_ = false;
    Base::start();
    state_->user = this;
}

template <class Base>
void FileStreamOp<Base>::leave() noexcept {
    if (state_->user == this) {
        state_->user = nullptr;
    }
}

template <class Base>
void FileStreamOp<Base>::conclude() {
    leave();
    if (!std::exchange(closed_, false)) {
        return;
    }
    if (this->work_ != nullptr && this->was_stopped()) {  // it ended just then
        this->let_go();
    }
    if (this->work_ == nullptr) {
        throw_stream_closed(this->what());
    }
}

template <class Base>
void FileStreamOp<Base>::unlink() noexcept {
    Base::unlink();
    leave();
    if (this->left_alone()) {
        call_left_alone();
    }
}

template <class Base>
void FileStreamOp<Base>::pass_on() noexcept {
    leave();
    if (this->work_ != nullptr) {
        result_dropped();
    }
    Base::pass_on();
}

template <class Base>
bool FileStreamOp<Base>::abort() noexcept {
    const bool gone = Base::abort();
    if (gone) {
        leave();
    }
    return gone;
}

template <class Base>
bool FileStreamOp<Base>::sever() noexcept {
    const bool gone = Base::sever();
    if (gone) {
        leave();
        if (this->left_alone()) {
            call_left_alone();
        }
    }
    return gone;
}

template <class Base>
void FileStreamOp<Base>::stream_closed() noexcept {
    if (WaiterAccess::state(*this) != WaiterAccess::State::queued) {
        return;  // it has ended, and will say how
    }
    closed_ = true;
    if (Base::sever()) {
        this->commit();
    }
}

template class FileStreamOp<FileRead>;
template class FileStreamOp<FileWrite>;

// --- reading -----------------------------------------------------------------------------------

bool FileStreamRead::try_now() {
    const FileStreamState& state = enter();
    if (size() == 0) {
        throw std::invalid_argument("FileStream::read_some needs a span with room for a byte");
    }
    set_offset(state.position);
    return at_once(FileRead::try_now());
}

void FileStreamRead::start() {
    set_offset(enter().position);
    start_using();
}

std::size_t FileStreamRead::take() {
    conclude();
    const std::size_t length = FileRead::finish();
    state_->position += length;
    return length;
}

// --- writing -----------------------------------------------------------------------------------

void FileStreamWrite::enter_to_write() {
    const FileStreamState& state = enter();
    require_writable(state, what());
    const bool appends = file_->access == Access::append;
    set_place({.offset = appends ? 0 : state.position, .at_end = appends});
}

bool FileStreamWrite::try_now() {
    enter_to_write();
    return at_once(FileWrite::try_now());
}

void FileStreamWrite::start() {
    enter_to_write();
    start_using();
}

std::size_t FileStreamWrite::finish() {
    conclude();
    const std::size_t part = written();
    try {
        const std::size_t length = FileWrite::finish();
        state_->position += length;
        return length;
    } catch (...) {
        leave_part(part);
        throw;
    }
}

void FileStreamWrite::leave_part(std::size_t part) noexcept {
    state_->torn = state_->torn || (part != 0 && file_->access == Access::append);
}

void FileStreamWrite::result_dropped() noexcept {
    if (!has_failed()) {
        state_->position += written();
        return;
    }
    leave_part(written());
    if (!was_stopped()) {
        state_->failure = move_error();
    }
}

void FileStreamWrite::call_left_alone() noexcept {
    leave_part(1);  // or more, or nothing: nobody will know
}

// --- the end -----------------------------------------------------------------------------------

FileStreamShutdown::FileStreamShutdown(FileStreamState* state) noexcept : state_(state) {
    if (state_ != nullptr) {
        retain(*state_);
    }
}

FileStreamShutdown::~FileStreamShutdown() {
    if (state_ != nullptr) {
        release(*state_);
    }
}

bool FileStreamShutdown::try_now() {
    FileStreamState& state = usable(state_, what());
    if (!state.shut_down) {
        require_writable(state, what());
        state.shut_down = true;
    }
    return true;
}

}  // namespace eddy::inline v0_1::detail
