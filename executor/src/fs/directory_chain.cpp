// SPDX-License-Identifier: MIT
#include "fs/directory_chain.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <utility>

namespace eddy::inline v0_1::detail {

namespace {

/// Opens it, if it is the one. -1: errno says why not.
[[nodiscard]] int open_same_directory(int from,
                                      const char* name,
                                      Links links,
                                      const DirectoryId& id) {
    OwnedFd fd(open_directory_at(from, name, links));
    DirectoryId found{};
    if (fd.get() < 0 || !identify(fd.get(), found)) {
        return -1;
    }
    if (!(found == id)) {
        errno = ESTALE;
        return -1;
    }
    return fd.release();
}

}  // namespace

bool identify(int directory, DirectoryId& id) noexcept {
    struct stat status = {};
    if (::fstat(directory, &status) != 0) {
        return false;
    }
    id = {.device = status.st_dev, .inode = status.st_ino};
    return true;
}

DirectoryChain::DirectoryChain(
    std::string path, OwnedFd root, const DirectoryId& id, Links links, Stops stops)
    : links_(links), stops_(stops), path_(std::move(path)) {
    levels_.push_back({DirectoryReader(std::move(root)), id, path_.size()});
    ids_.insert(id);
}

void DirectoryChain::append_path_of(std::string_view name, std::string& into) const {
    into += path_;
    if (!path_.ends_with('/')) {
        into += '/';
    }
    into += name;
}

std::string DirectoryChain::path_of(std::string_view name) const {
    std::string path;
    path.reserve(path_.size() + 1 + name.size());
    append_path_of(name, path);
    return path;
}

std::string DirectoryChain::name_of(std::size_t level) const {
    const std::string_view path(path_.data(), levels_[level].path_length);
    return std::string(path.substr(path.rfind('/') + 1));
}

std::string_view DirectoryChain::name() const noexcept {
    const std::string_view path = path_;
    return depth() == 0 ? std::string_view() : path.substr(path.rfind('/') + 1);
}

void DirectoryChain::lend_back_far() {
    const std::size_t last = levels_.size() - std::min(levels_.size(), most_open - 1);
    std::size_t first = last + 1;
    while (first > 1 && levels_[first - 1].reader.is_open()) {
        --first;
    }
    for (std::size_t i = first; i <= last; ++i) {
        if (!levels_[i].reader.lend_back(stops_)) {
            return;  // the next time, then
        }
    }
}

void DirectoryChain::enter(OwnedFd directory, std::string_view name, const DirectoryId& id) {
    if (levels_.size() >= most_open) {
        lend_back_far();
    }
    const std::size_t length = path_.size();
    const auto known = ids_.insert(id);
    try {
        if (!path_.ends_with('/')) {
            path_ += '/';
        }
        path_ += name;
        levels_.push_back({DirectoryReader(std::move(directory)), id, path_.size()});
    } catch (...) {
        ids_.erase(known);
        path_.resize(length);
        throw;
    }
}

/// Out of the deepest.
void DirectoryChain::pop() noexcept {
    ids_.erase(ids_.find(levels_.back().id));
    levels_.pop_back();
}

std::optional<DirectoryChain::Lost> DirectoryChain::leave() {
    const Level left = std::move(levels_.back());
    pop();
    Level& above = levels_.back();
    if (!above.reader.is_open()) {
        OwnedFd up(open_same_directory(left.reader.fd(), "..", Links::stop_at, above.id));
        if (up.get() < 0) {
            return find_again();
        }
        above.reader.reopen(std::move(up));
    }
    path_.resize(above.path_length);
    return std::nullopt;
}

std::optional<DirectoryChain::Lost> DirectoryChain::find_again() {
    // But for the root, none of them is open.
    for (std::size_t i = 1; i < levels_.size(); ++i) {
        Level& above = levels_[i - 1];
        OwnedFd fd(
            open_same_directory(above.reader.fd(), name_of(i).c_str(), links_, levels_[i].id));
        if (fd.get() < 0) {
            return give_up(i, errno);
        }
        levels_[i].reader.reopen(std::move(fd));
        if (i != 1 && i + most_open <= levels_.size() + 1) {
            static_cast<void>(above.reader.lend_back(stops_));  // of which all has been read
        }
    }
    path_.resize(levels_.back().path_length);
    return std::nullopt;
}

/// That one and all below it.
DirectoryChain::Lost DirectoryChain::give_up(std::size_t level, int error) {
    const bool has_more = std::any_of(levels_.begin() + static_cast<std::ptrdiff_t>(level),
                                      levels_.end(),
                                      [](const Level& lost) { return lost.reader.has_more(); });
    Lost lost{path_.substr(0, levels_[level].path_length), level, error, has_more};
    while (levels_.size() > level) {
        pop();
    }
    path_.resize(levels_.back().path_length);
    return lost;
}

}  // namespace eddy::inline v0_1::detail
