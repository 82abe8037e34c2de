"""The layers; each is also an attribute of ``nn``."""

from .module import Module as Module  # isort: skip
from .activation import *  # noqa: F403
from .container import *  # noqa: F403
from .distance import *  # noqa: F403
from .dropout import *  # noqa: F403
from .flatten import *  # noqa: F403
from .linear import *  # noqa: F403
from .loss import *  # noqa: F403

__all__ = [name for name in dir() if name[0].isupper()]
