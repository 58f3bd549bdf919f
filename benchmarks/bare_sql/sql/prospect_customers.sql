-- Every batch, after the customers: which prospects are current, active customers.

update gold.prospect
set is_customer = not is_customer
where
    is_customer
    <> (
        match_key(first_name, last_name, address_line1, address_line2, postal_code) in (
            select match_key(first_name, last_name, address_line1, address_line2, postal_code)
            from gold.dim_customer
            where is_current and status = 'Active'
        )
    );
