// SPDX-License-Identifier: MIT
#include "net/peer_is_gone.hpp"

#include <algorithm>
#include <system_error>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

namespace eddy::inline v0_1::detail {

bool peer_is_gone(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const PeerSilent&) {
        return true;
    } catch (const IoError& failed) {
        const std::error_code& code = failed.code();
        return code == std::errc::connection_reset || code == std::errc::connection_aborted ||
               code == std::errc::broken_pipe || code == std::errc::not_connected;
    } catch (const PeerGone&) {
        return true;
    } catch (const PeerCutShort&) {
        return true;
    } catch (const ExceptionGroup& group) {
        const auto& failures = group.exceptions();
        return !failures.empty() && std::all_of(failures.begin(), failures.end(), peer_is_gone);
    } catch (...) {
        return false;
    }
}

}  // namespace eddy::inline v0_1::detail
