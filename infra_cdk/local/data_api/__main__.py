"""`python -m infra_cdk.local.data_api PORT DSN`: the endpoint as a program of its own."""

import sys

from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import DataAPI

if __name__ == "__main__":
    DataAPIServer(DataAPI(sys.argv[2]), port=int(sys.argv[1])).serve_forever()
