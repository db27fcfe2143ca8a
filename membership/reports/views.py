from flask import Blueprint

from membership.reports import heartbeat
from membership.web import health

blueprint = Blueprint("reports", __name__)
health.also_tell("heartbeat_seconds", heartbeat.ages)
