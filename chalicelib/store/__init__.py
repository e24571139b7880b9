"""Adapters of the store ports on DynamoDB and S3. Item schemas never leave this package."""
