// SPDX-License-Identifier: MIT
#include "fs/remove_below.hpp"

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/owned_fd.hpp>

#include "fs/directory_chain.hpp"
#include "fs/directory_reader.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// How often a directory is read, into which others put new entries all the time.
constexpr unsigned most_passes = 16;

/// 0, or an errno.
[[nodiscard]] int try_unlink(int directory, const char* name, int flags = 0) noexcept {
    return ::unlinkat(directory, name, flags) == 0 ? 0 : errno;
}

[[nodiscard]] bool says_no_directory(int error) noexcept {
    return error == ENOTDIR || error == ELOOP;  // ELOOP: a link, not to be followed
}

[[nodiscard]] bool says_not_empty(int error) noexcept {
    return error == ENOTEMPTY || error == EEXIST;
}

[[nodiscard]] std::string last_part_of(const std::string& path) {
    return path.substr(path.rfind('/') + 1);  // all of it, if there is no slash
}

/// A directory, of which nothing is left when it has run.
class TreeRemoval final {
public:
    /// `around`: the directory in which it is.
    TreeRemoval(
        const std::string& path, int around, OwnedFd root, const DirectoryId& id, Stops stops)
        : chain_(path, std::move(root), id, Links::stop_at, stops),
          around_(around),
          name_(last_part_of(path)),
          stops_(stops),
          passes_{0} {}

    [[nodiscard]] std::uint64_t run() {
        while (true) {
            if (stops_ == Stops::when_asked) {
                stop_if_asked();
            }
            DirectoryReader::Found found{};
            if (chain_.reader().next(found)) {
                remove(found);
            } else if (chain_.reader().error() != 0) {
                throw_file_error(chain_.reader().error(), "read", chain_.path());
            } else if (chain_.depth() != 0) {
                finish();
            } else if (finish_root()) {
                return count_;
            }
        }
    }

private:
    [[noreturn]] void fail(int error, std::string_view name) const {
        throw_file_error(error, "remove", chain_.path_of(name));
    }

    /// One that is gone already is as good.
    void removed(int error, std::string_view name) {
        if (error == 0) {
            ++count_;
        } else if (error != ENOENT) {
            fail(error, name);
        }
    }

    void remove(const DirectoryReader::Found& found) {
        int error = EISDIR;
        if (found.kind != FileKind::directory) {
            error = try_unlink(chain_.fd(), found.name);
            if (error != EISDIR && error != EPERM) {  // either of them for a directory
                removed(error, found.name);
                return;
            }
        }
        const int refused = enter(found.name, 0);
        if (refused == 0 || refused == ENOENT) {
            return;
        }
        if (!says_no_directory(refused)) {  // one that cannot be read can go if it is empty
            const int as_empty = try_unlink(chain_.fd(), found.name, AT_REMOVEDIR);
            removed(says_not_empty(as_empty) ? refused : as_empty, found.name);
        } else if (found.kind == FileKind::directory) {  // it was, then
            removed(try_unlink(chain_.fd(), found.name), found.name);
        } else {
            fail(error, found.name);
        }
    }

    /// 0: in it. Else an errno.
    [[nodiscard]] int enter(const char* name, unsigned passes) {
        OwnedFd fd(open_directory_at(chain_.fd(), name, Links::stop_at));
        DirectoryId id{};
        if (fd.get() < 0 || !identify(fd.get(), id)) {
            return errno;
        }
        chain_.enter(std::move(fd), name, id);
        passes_.push_back(passes);
        return 0;
    }

    /// Out of a directory that has been read to its end.
    void finish() {
        const std::string name(chain_.name());
        const unsigned passes = passes_.back() + 1;
        const std::optional<DirectoryChain::Lost> lost = chain_.leave();
        if (lost) {
            throw_file_error(lost->error, "remove", lost->path);
        }
        passes_.resize(chain_.depth() + 1);
        const int error = try_unlink(chain_.fd(), name.c_str(), AT_REMOVEDIR);
        // Something was put into it meanwhile, or was not read because of what was removed.
        if (!says_not_empty(error) || passes == most_passes || enter(name.c_str(), passes) != 0) {
            removed(error, name);
        }
    }

    /// False: there is more in it.
    [[nodiscard]] bool finish_root() {
        const int error = try_unlink(around_, name_.c_str(), AT_REMOVEDIR);
        if (says_not_empty(error) && ++passes_.front() < most_passes) {
            chain_.reader().rewind();
            return false;
        }
        if (error != 0 && error != ENOENT) {
            throw_file_error(error, "remove", chain_.path());
        }
        count_ += error == 0 ? 1U : 0U;
        return true;
    }

    DirectoryChain chain_;
    const int around_;
    const std::string name_;
    const Stops stops_;
    std::vector<unsigned> passes_;  // of each directory of the chain: those that are over
    std::uint64_t count_ = 0;
};

}  // namespace

std::uint64_t remove_below(const std::string& path, Stops stops) {
    // With a slash at its end, a link would be followed.
    const std::string name = path.substr(0, path.find_last_not_of('/') + 1);
    const OwnedFd around(uninterrupted([&] {
        return ::openat(AT_FDCWD, directory_of(name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    }));
    if (around.get() < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return 0;
        }
        throw_file_error(errno, "remove", path);
    }
    const std::string last = last_part_of(name);
    OwnedFd root(open_directory_at(around.get(), last.c_str(), Links::stop_at));
    DirectoryId id{};
    if (root.get() >= 0 && identify(root.get(), id)) {
        return TreeRemoval(name, around.get(), std::move(root), id, stops).run();
    }
    const int refused = errno;
    int error =
        try_unlink(around.get(), last.c_str(), says_no_directory(refused) ? 0 : AT_REMOVEDIR);
    if (error == ENOENT || error == ENOTDIR) {
        return 0;  // ENOTDIR: a part of its path is none
    }
    if (says_not_empty(error)) {
        error = refused;
    }
    if (error != 0) {
        throw_file_error(error, "remove", path);
    }
    return 1;
}

}  // namespace eddy::inline v0_1::detail
