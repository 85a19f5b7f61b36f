-- longest_window_s(dialect): seconds over which the rows of a dialect of flow logs can add up, as `schemas/dialects` says; null for others.
create or replace macro longest_window_s(dialect) as
    case
        when dialect in ('gcp-bigquery-vpc-flow', 'gcp-vpc-flow') then 900
        when dialect in ('alibaba-vpc-flow', 'aws-vpc-flow') then 600
        when dialect in ('azure-nsg-flow', 'azure-vnet-flow') then 300
    end;
