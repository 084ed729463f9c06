// SPDX-License-Identifier: MIT
#include <eddy/fs/walk.hpp>

#include <utility>

#include <eddy/detail/offload_node.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file_pool.hpp>

#include "fs/posix.hpp"
#include "fs/tree_reader.hpp"

namespace eddy::inline v0_1 {

namespace {

void read_on_in_tree(const std::shared_ptr<detail::TreeReader>& reader) {
    struct Ends {
        detail::TreeReader& reader;
        ~Ends() { reader.set_reading(false); }
    } const ends{*reader};
    reader->read_on();
}

using TreeReadNode = detail::OffloadNode<void (*)(const std::shared_ptr<detail::TreeReader>&),
                                         std::shared_ptr<detail::TreeReader>>;

void check_walk_here(const detail::TreeReader* reader) {
    if (reader == nullptr) {
        throw InvalidState("DirectoryWalk: it was moved to another one");
    }
}

void check_walk_idle(const detail::TreeReader& reader) {
    if (reader.busy()) {
        throw BusyResource("DirectoryWalk: another job is waiting for its next entry");
    }
}

}  // namespace

DirectoryWalk::DirectoryWalk(std::shared_ptr<detail::TreeReader> reader) noexcept
    : reader_(std::move(reader)) {}
DirectoryWalk::DirectoryWalk(DirectoryWalk&&) noexcept = default;
DirectoryWalk& DirectoryWalk::operator=(DirectoryWalk&&) noexcept = default;
DirectoryWalk::~DirectoryWalk() = default;

DirectoryWalk::Next DirectoryWalk::next() {
    check_walk_here(reader_.get());
    return Next(reader_);
}

void DirectoryWalk::skip_directory() {
    check_walk_here(reader_.get());
    check_walk_idle(*reader_);
    reader_->skip_directory();
}

DirectoryWalk::Next::Next(std::shared_ptr<detail::TreeReader> reader) noexcept
    : OffloadWait(reader->executor(), OnCancel::wait), reader_(std::move(reader)) {}
DirectoryWalk::Next::~Next() = default;

bool DirectoryWalk::Next::try_now() {
    called_ = false;
    check_walk_idle(*reader_);
    if (!reader_->has_next()) {
        return false;
    }
    reader_->claim(true);  // what there is, is this job's; it may be resumed later
    return true;
}

void DirectoryWalk::Next::start() {
    check_walk_idle(*reader_);
    if (executor() == nullptr) {
        set_executor(file_pool());
    }
    renew(*new TreeReadNode(&read_on_in_tree, reader_));
    reader_->set_reading(true);
    try {
        OffloadWait::start();
    } catch (...) {
        reader_->set_reading(false);
        throw;
    }
    called_ = true;
    reader_->claim(true);
}

std::optional<WalkEntry> DirectoryWalk::Next::take() {
    over();
    if (called_) {
        take_result<void>();
    }
    return reader_->take();
}

void DirectoryWalk::Next::pass_on() noexcept {
    over();
    if (called_) {
        let_go();
    }
}

/// A call that was rejected, by a pool that was shut down, has not said so.
void DirectoryWalk::Next::over() noexcept {
    reader_->claim(false);
    if (called_) {
        reader_->set_reading(false);
    }
}

bool DirectoryWalk::Next::abort() noexcept {
    const bool left = OffloadWait::abort();
    if (left) {
        leave();
    }
    return left;
}

bool DirectoryWalk::Next::sever() noexcept {
    const bool left = OffloadWait::sever();
    if (left) {
        leave();
    }
    return left;
}

void DirectoryWalk::Next::unlink() noexcept {
    OffloadWait::unlink();
    leave();
}

/// A call that runs goes on alone, and says itself when it has ended.
void DirectoryWalk::Next::leave() noexcept {
    reader_->claim(false);
    if (!left_alone()) {
        reader_->set_reading(false);
    }
}

DirectoryWalk walk(const std::filesystem::path& root, const WalkOptions& options) {
    return DirectoryWalk(std::make_shared<detail::TreeReader>(detail::native_path(root), options));
}

}  // namespace eddy::inline v0_1
