// SPDX-License-Identifier: MIT
#include "fs/tree_reader.hpp"

#include <cerrno>
#include <fcntl.h>
#include <utility>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/executor.hpp>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::size_t batch_entries = 256;
constexpr std::size_t batch_bytes = std::size_t{128} << 10U;  // of paths, which may be long

}  // namespace

// --- the loop's side ---------------------------------------------------------------------------

bool TreeReader::has_next() noexcept {
    if (skipped_ != nothing) {
        while (taken_ != records_.size() && records_[taken_].depth > skipped_) {
            ++taken_;
        }
        if (taken_ != records_.size()) {
            skipped_ = nothing;
        }
    }
    return taken_ != records_.size() || failure_ != nullptr || ended_;
}

std::optional<WalkEntry> TreeReader::take() {
    if (taken_ == records_.size()) {
        if (failure_) {
            std::rethrow_exception(std::exchange(failure_, nullptr));
        }
        return std::nullopt;
    }
    const Record& record = records_[taken_];
    const std::size_t begin = taken_ == 0 ? 0 : records_[taken_ - 1].end;
    std::optional<WalkEntry> entry(std::in_place);
    entry->path.assign(paths_, begin, record.end - begin);
    entry->kind = record.kind;
    entry->depth = record.depth;
    if (record.error != 0) {
        entry->error.assign(record.error, std::system_category());
    }
    if (options_.status) {
        entry->status = statuses_[taken_];
    }
    ++taken_;
    last_depth_ = record.depth;
    return entry;
}

void TreeReader::skip_directory() noexcept {
    // What is in it is all that is deeper, up to the next that is not.
    skipped_ = last_depth_;
}

// --- the call's --------------------------------------------------------------------------------

bool TreeReader::is_full() const noexcept {
    return records_.size() >= batch_entries || paths_.size() >= batch_bytes;
}

void TreeReader::read_on() {
    if (has_next()) {
        return;
    }
    records_.clear();
    statuses_.clear();
    paths_.clear();
    taken_ = 0;
    try {
        if (!chain_) {
            open_root();
        }
        while (skipped_ != nothing && chain_ && chain_->depth() > skipped_) {
            come_up();
        }
        skipped_ = nothing;
        while (chain_ && !is_full()) {
            if (call_should_stop()) {
                break;
            }
            step();
        }
    } catch (...) {
        failure_ = std::current_exception();
        ended_ = chain_ != nullptr;
        chain_.reset();
    }
    if (!has_next()) {
        throw CallStopped{};
    }
}

void TreeReader::open_root() {
    OwnedFd root = open_path(root_, O_RDONLY | O_DIRECTORY);
    DirectoryId id{};
    if (!identify(root.get(), id)) {
        throw_file_error(errno, "stat", root_);
    }
    chain_ = std::make_unique<DirectoryChain>(root_,
                                              std::move(root),
                                              id,
                                              options_.follow ? Links::follow : Links::stop_at,
                                              Stops::when_asked);
}

void TreeReader::step() {
    DirectoryReader::Found found{};
    if (chain_->reader().next(found)) {
        visit(found);
        return;
    }
    const int error = chain_->reader().error();
    if (error != 0) {
        if (chain_->depth() == 0) {
            throw_file_error(error, "read", root_);
        }
        add_failed(chain_->path(), chain_->depth() - 1, error);
    }
    come_up();
}

void TreeReader::come_up() {
    if (chain_->depth() == 0) {
        chain_.reset();
        ended_ = true;
        return;
    }
    const std::optional<DirectoryChain::Lost> lost = chain_->leave();
    if (lost && lost->has_more) {
        add_failed(lost->path, lost->depth - 1, lost->error);
    }
}

void TreeReader::visit(const DirectoryReader::Found& found) {
    Look look{.kind = found.kind};
    if (!look_at(found.name, look)) {
        return;
    }
    add(found.name, look);
    if (look.kind == FileKind::directory && look.error == 0) {
        Record& record = records_.back();
        record.error = enter(found.name, look);
    }
}

bool TreeReader::look_at(const char* name, Look& look) const noexcept {
    const bool may_be_link = look.kind == FileKind::symlink || look.kind == FileKind::unknown;
    if (!options_.status && look.kind != FileKind::unknown && !(options_.follow && may_be_link)) {
        return true;
    }
    int result = -1;
    if (options_.follow && may_be_link) {
        result = ::fstatat(chain_->fd(), name, &look.status, 0);
        if (result != 0 && errno != ENOENT) {  // a link that leads nowhere is itself
            look.error = errno;
        }
    }
    if (result != 0) {
        result = ::fstatat(chain_->fd(), name, &look.status, AT_SYMLINK_NOFOLLOW);
    }
    if (result != 0) {
        look.error = errno;
        return errno != ENOENT;
    }
    look.kind = kind_of(look.status.st_mode);
    look.known = true;
    return true;
}

/// Opening what is mounted there might wake an automounter, or wait for a server.
bool TreeReader::is_elsewhere(const char* name) const noexcept {
    struct stat status = {};
    const int flags = options_.follow ? 0 : AT_SYMLINK_NOFOLLOW;
    return ::fstatat(chain_->fd(), name, &status, flags) == 0 &&
           status.st_dev != chain_->root_device();
}

int TreeReader::enter(const char* name, const Look& look) {
    if (chain_->depth() >= options_.max_depth ||
        (options_.one_file_system && look.known && look.status.st_dev != chain_->root_device())) {
        return 0;
    }
    if (options_.one_file_system && !look.known && is_elsewhere(name)) {
        return 0;
    }
    OwnedFd fd(
        open_directory_at(chain_->fd(), name, options_.follow ? Links::follow : Links::stop_at));
    DirectoryId id{};
    if (fd.get() < 0 || !identify(fd.get(), id)) {
        return errno;
    }
    if (chain_->contains(id)) {
        return ELOOP;
    }
    if (!options_.one_file_system || id.device == chain_->root_device()) {
        chain_->enter(std::move(fd), name, id);
    }
    return 0;
}

void TreeReader::add(std::string_view name, const Look& look) {
    if (options_.status) {
        statuses_.push_back(look.known ? std::optional(to_status(look.status)) : std::nullopt);
    }
    chain_->append_path_of(name, paths_);
    records_.push_back(
        {.end = paths_.size(), .depth = chain_->depth(), .kind = look.kind, .error = look.error});
}

void TreeReader::add_failed(std::string_view path, std::size_t depth, int error) {
    if (options_.status) {
        statuses_.emplace_back();
    }
    paths_ += path;
    records_.push_back(
        {.end = paths_.size(), .depth = depth, .kind = FileKind::directory, .error = error});
}

}  // namespace eddy::inline v0_1::detail
