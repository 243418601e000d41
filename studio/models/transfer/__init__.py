"""Downloads: files of a hub brought into a huggingface cache, through every fault of the way."""

from studio.models.transfer.plan import TransferPlan
from studio.models.transfer.rules import Rules
from studio.models.transfer.transfers import Transfers

__all__ = ["Rules", "TransferPlan", "Transfers"]
