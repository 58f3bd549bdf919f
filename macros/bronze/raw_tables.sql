{# The raw tables of the brokerage and the streams of the contract that are read from each: {table: [stream, ...]}. #}
{% macro raw_tables() %}
    {% set tables = {} %}
    {% for stream, contract in brokerage_streams().items() %}
        {% do tables.setdefault(contract.get('raw', stream), []).append(stream) %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}


{# The bronze model of a stream; none for the newswire lines of no known type, which have no typed form. #}
{% macro bronze_model(stream) %}
    {{ return(none if stream == 'finwire_unknown' else ref('bronze_brokerage__' ~ stream)) }}
{% endmacro %}
